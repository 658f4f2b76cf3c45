"""Kinds of sellers, world-wide: by which names people file them, their generic words, and well-known brands.

A list of our own, in the spirit of merchant category codes (ISO 18245) but not derived from them.
"""

from msgspec import Struct


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of seller."""

    name: str
    files: tuple[str, ...]
    """Words of category names under which people file it, the most fitting first."""
    words: tuple[str, ...]
    """Generic words and phrases in a seller's name."""
    brands: tuple[str, ...]
    """Names that mean this kind wherever they stand."""


def _kind(name: str, files: str, words: str, brands: str = "") -> Kind:
    return Kind(name=name, files=_list(files), words=_list(words), brands=_list(brands))


def _list(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split(",") if part.strip())


KINDS = (
    _kind(
        "groceries and supermarkets",
        "groceries, grocery, supermarket, food, household, inventory",
        """
        grocery, groceries, grocer, supermarket, hypermarket, kirana, provision store, provisions,
        greengrocer, vegetables, fruits, fruit, dairy, milk, butcher, fishmonger, supermercado, mercado,
        supermarche, epicerie, lebensmittel, supermarkt, market, minimart, mini mart, fresh mart,
        departmental store, ration, farmers market, food bazaar, organic foods, convenience store, general
        store
        """,
        """
        big bazaar, bigbasket, big basket, dmart, d mart, reliance fresh, reliance smart, more
        supermarket, spencers, natures basket, jiomart, blinkit, grofers, zepto, instamart, swiggy
        instamart, star bazaar, ratnadeep, heritage fresh, mother dairy, amul, nandini, country delight,
        licious, easyday, spar hypermarket, lulu hypermarket, vishal mega mart, walmart, kroger, safeway,
        albertsons, publix, whole foods, trader joes, aldi, lidl, tesco, sainsburys, asda, morrisons,
        waitrose, coop, carrefour, auchan, leclerc, intermarche, monoprix, edeka, rewe, kaufland, penny
        markt, netto, migros, mercadona, dia, albert heijn, jumbo supermarkt, delhaize, esselunga, conad,
        woolworths, coles, countdown, fairprice, cold storage, giant, 7 eleven, seven eleven, familymart,
        lawson, aeon, costco, sams club, instacart, heb, meijer, wegmans, food lion, stop shop, ocado,
        biedronka, ica, pingo doce, checkers, pick n pay, shoprite, naivas, 99 speedmart, tesco express
        """,
    ),
    _kind(
        "restaurants, cafes and food delivery",
        "dining, restaurants, restaurant, eating out, food, meals, takeaway, coffee",
        """
        restaurant, restaurante, ristorante, trattoria, pizzeria, bistro, brasserie, diner, dhaba, bhavan,
        bhojanalaya, udupi, tiffin, tiffins, mess, canteen, eatery, kitchen, grill, bbq, barbeque,
        steakhouse, sushi, ramen, noodle, noodles, taqueria, tacos, burger, burgers, pizza, kebab,
        shawarma, biryani, dosa, idli, chaat, sweets, mithai, bakery, bakers, bakehouse, boulangerie,
        patisserie, konditorei, cake, cakes, donuts, ice cream, gelato, juice, chai, tea house, tea stall,
        coffee, cafe, caffe, kaffee, espresso, food court, catering, caterers, pub, bar, brewery, taproom,
        izakaya, hawker, cantina, osteria, tavern, gasthaus, fried chicken, wok, curry, foods
        """,
        """
        zomato, swiggy, uber eats, ubereats, eatsure, faasos, dominos, pizza hut, mcdonalds, mc donalds,
        kfc, burger king, subway, starbucks, cafe coffee day, ccd, barista, chaayos, third wave coffee,
        blue tokai, haldiram, haldirams, saravana bhavan, sagar ratna, bikanervala, barbeque nation, wow
        momo, theobroma, doordash, grubhub, just eat, deliveroo, foodpanda, wolt, lieferando, glovo, costa
        coffee, tim hortons, dunkin, chipotle, taco bell, wendys, five guys, panera, pret a manger,
        nandos, greggs, wagamama, papa johns, little caesars, shake shack, in n out, chick fil a, popeyes,
        panda express, olive garden, dennys, ihop, jollibee, vapiano, nordsee, bubble tea, baskin robbins,
        krispy kreme, sweetgreen, toast box, ya kun, luckin
        """,
    ),
    _kind(
        "public transport, taxis and fuel",
        "transport, transportation, commute, travel, car, auto, fuel, vehicle",
        """
        metro, bus, tram, train, railway, railways, transit, transport, ticket machine, taxi, taxis, cab,
        cabs, auto rickshaw, rickshaw, parking, car park, parkhaus, toll, fastag, petrol, petroleum, fuel,
        fuels, filling station, gas station, petrol pump, petrol bunk, service station, tankstelle, ev
        charging, charging station, car wash, ferry, bike rental, scooter, vehicle, motors, tyres, tires,
        auto repair, garage, verkehrsbetriebe, ksrtc, tsrtc, msrtc
        """,
        """
        uber, ola, ola cabs, olacabs, rapido, namma yatri, blusmart, meru, lyft, grab, gojek, bolt,
        cabify, didi, free now, freenow, careem, lime, bird rides, irctc, dmrc, delhi metro, bmtc, bmrcl,
        namma metro, bmtc bus, best bus, redbus, abhibus, chalo, tfl, transport for london, oyster, mta,
        bart, caltrain, clipper, octopus, suica, pasmo, db vertrieb, deutsche bahn, bvg, mvg, ratp, sncf,
        renfe, trenitalia, ns reizigers, sbb, obb, amtrak, greyhound, flixbus, national rail, trainline,
        indian oil, indianoil, iocl, hpcl, hp petrol, hindustan petroleum, bharat petroleum, bpcl, shell,
        bp, esso, exxon, mobil, chevron, texaco, total energies, totalenergies, aral, repsol, petronas,
        caltex, nayara, ampol, q8, eni station, chargepoint, ionity, tesla supercharger, paytm fastag
        """,
    ),
    _kind(
        "flights, hotels and holidays",
        "travel, holiday, holidays, vacation, trips, trip, hotels, flights",
        """
        airline, airlines, airways, flight, flights, hotel, hotels, motel, resort, resorts, inn, hostel,
        homestay, guest house, lodge, suites, travels, tours, tourism, travel agency, car rental, rent a
        car, airport, duty free, cruise, visa fee, lodging
        """,
        """
        indigo, air india, vistara, spicejet, akasa air, go first, emirates, etihad, qatar airways,
        lufthansa, ryanair, easyjet, british airways, delta air, united airlines, american airlines,
        southwest airlines, jetblue, singapore airlines, airasia, qantas, klm, air france, wizz air,
        makemytrip, make my trip, goibibo, cleartrip, yatra, easemytrip, ixigo, oyo, treebo, fabhotels,
        airbnb, booking com, bookingcom, agoda, expedia, hotels com, trivago, marriott, hilton, hyatt, taj
        hotels, itc hotels, accor, ibis, novotel, radisson, holiday inn, hertz, avis, sixt, europcar,
        zoomcar, vrbo, trip com
        """,
    ),
    _kind(
        "electricity, water, gas, phone and internet",
        "utilities, utility, bills, household bills, phone, internet, energy, services",
        """
        electricity, electric, power, power supply, power corporation, energy, water, water board, jal
        board, sewerage, gas, gas agency, lpg, piped gas, broadband, internet, fiber, fibre, telecom,
        telekom, mobile recharge, recharge, prepaid, postpaid, dth, cable tv, waste, garbage, municipal,
        stadtwerke, council tax, heating, hydro, wifi, sanitation, landline
        """,
        """
        bescom, tata power, adani electricity, msedcl, mahadiscom, bses, tangedco, tneb, uppcl, kseb,
        cesc, torrent power, bwssb, indane, hp gas, bharat gas, mahanagar gas, indraprastha gas, igl,
        airtel, jio, reliance jio, vi vodafone, vodafone, vodafone idea, bsnl, mtnl, act fibernet,
        hathway, excitel, tata play, tata sky, dish tv, sun direct, d2h, verizon, at t, att, t mobile,
        tmobile, comcast, xfinity, spectrum, cox communications, o2, ee limited, orange, movistar,
        telefonica, bouygues, free mobile, sfr, swisscom, telstra, optus, singtel, starhub, starlink, con
        edison, coned, pg e, pge, duke energy, national grid, british gas, edf, eon, e on, vattenfall,
        octopus energy, thames water, enel, iberdrola, endesa, engie, rwe, ovo energy, sp group
        """,
    ),
    _kind(
        "cinema, streaming, games and going out",
        "entertainment, leisure, fun, subscriptions, hobbies, movies, games",
        """
        cinema, cinemas, movie, movies, theatre, theater, multiplex, concert, concerts, museum, zoo,
        amusement park, theme park, bowling, arcade, games, gaming, karaoke, nightclub, night club, club,
        disco, streaming, music, festival, event, events, tickets, kino, sports club, aquarium, water
        park, comedy, bookshop, books, toys, escape room, stadium, gallery
        """,
        """
        netflix, hotstar, disney plus, disneyplus, prime video, amazon prime, sonyliv, sony liv, zee5,
        jiocinema, spotify, gaana, jiosaavn, wynk, youtube premium, youtube, apple music, itunes, audible,
        kindle, hulu, hbo max, hbo, paramount plus, peacock, crunchyroll, twitch, steam, steam games,
        steampowered, playstation, xbox, nintendo, epic games, roblox, dream11, bookmyshow, book my show,
        pvr, inox, cinepolis, imax, amc theatres, regal cinemas, odeon, vue cinemas, cineworld, ugc cine,
        wonderla, imagicaa, disneyland, six flags, smaaash, ticketmaster, eventbrite, patreon, insider in,
        district by zomato, dazn, deezer, tidal, sky tv, canal plus
        """,
    ),
    _kind(
        "doctors, pharmacies and hospitals",
        "health, healthcare, medical, medicine, pharmacy, wellness",
        """
        pharmacy, pharma, chemist, chemists, medical, medicals, medicals store, hospital, clinic, nursing
        home, dental, dentist, doctor, dr, diagnostics, labs, pathology, optician, optical, opticals, eye
        care, physiotherapy, apotheke, pharmacie, farmacia, ayurveda, health, healthcare, drugstore,
        veterinary
        """,
        """
        apollo pharmacy, apollo hospitals, medplus, netmeds, pharmeasy, tata 1mg, 1mg, practo, fortis,
        manipal hospital, max healthcare, narayana health, dr lal pathlabs, thyrocare, lenskart, titan
        eye, cvs, walgreens, rite aid, boots, superdrug, lloyds pharmacy, guardian, watsons, mercury drug,
        specsavers, chemist warehouse, dm drogerie, rossmann, mueller drogerie, quest diagnostics, kaiser
        permanente
        """,
    ),
    _kind(
        "schools, courses and books",
        "education, school, learning, kids, tuition",
        """
        school, schools, college, university, academy, institute, tuition, tuitions, coaching, classes,
        course, exam fee, vidyalaya, kindergarten, preschool, creche, nursery, library, stationery,
        stationers, education
        """,
        """
        byjus, unacademy, vedantu, physics wallah, allen career, udemy, coursera, edx, duolingo,
        skillshare, khan academy, pearson, upgrad, simplilearn, kumon, chegg, linkedin learning,
        masterclass
        """,
    ),
    _kind(
        "clothes, electronics and online shopping",
        "shopping, clothing, clothes, fashion, electronics, personal, online shopping, supplies",
        """
        clothing, clothes, apparel, fashion, garments, textiles, sarees, silks, boutique, tailor, tailors,
        shoes, footwear, jewellers, jewellery, jewelry, watches, electronics, electricals, mobiles,
        computers, gadgets, department store, mall, outlet, lingerie, bags, gifts, gift shop, cosmetics,
        perfumes, emporium, handicrafts, flowers, florist
        """,
        """
        amazon, amazon pay, amazon seller, flipkart, myntra, ajio, meesho, snapdeal, nykaa, tata cliq,
        tatacliq, shoppers stop, lifestyle stores, westside, pantaloons, max fashion, zudio, reliance
        trends, reliance digital, croma, vijay sales, poorvika, tanishq, kalyan jewellers, bata, ebay,
        etsy, aliexpress, temu, shein, target, best buy, macys, nordstrom, kohls, tj maxx, ross
        stores, marshalls, gap, old navy, hm, h m, zara, uniqlo, primark, mango, decathlon, nike, adidas,
        puma, zalando, asos, john lewis, argos, currys, mediamarkt, media markt, saturn, fnac, el corte
        ingles, galeries lafayette, otto, bol com, cdiscount, allegro, lazada, shopee, rakuten, jd com,
        takealot, mercado libre, mercadolibre, apple store, samsung store, sephora, lush, ulta
        """,
    ),
    _kind(
        "rent and the home",
        "housing, rent, home, household, house, mortgage, maintenance, utilities",
        """
        rent, landlord, housing, housing society, apartment, apartments, maintenance, property, realty,
        estates, furniture, furnishings, home decor, hardware, paints, plumber, plumbing, electrician,
        carpenter, cleaning, pest control, laundry, dry cleaners, appliances, kitchenware, mortgage,
        garden centre, nursery plants, interiors, gebaeudereinigung, hausverwaltung, immobilien, diy
        """,
        """
        ikea, pepperfry, urban ladder, urban company, urbanclap, nobroker, mygate, home centre, godrej
        interio, asian paints, home depot, homedepot, lowes, bunnings, wayfair, bed bath, b q, homebase,
        leroy merlin, obi baumarkt, hornbach, bauhaus, castorama, wickes, screwfix, ace hardware, crate
        barrel, west elm, jysk
        """,
    ),
    _kind(
        "gym, sport and beauty",
        "fitness, sport, sports, beauty, personal care, wellness, health, personal",
        """
        gym, fitness, yoga, pilates, crossfit, swimming, badminton, tennis, sports, salon, saloon, barber,
        barbers, hair, haircut, beauty, parlour, spa, nails, massage, coiffeur, friseur, unisex salon,
        turf
        """,
        """
        cult fit, cultfit, cure fit, golds gym, anytime fitness, planet fitness, puregym, equinox,
        peloton, mcfit, fitness first, basic fit, naturals salon, lakme salon, jawed habib, toni guy,
        supercuts, great clips, strava, talwalkars
        """,
    ),
    _kind(
        "insurance, loans and banks",
        "insurance, loans, loan, finance, financial, bank, fees, savings, investments, investment",
        """
        insurance, assurance, versicherung, loan, emi, finance, finserv, bank charges, annual fee, late
        fee, interest, mutual fund, securities, broking, investments, sip, pension, credit card payment,
        tax, income tax, gst payment, versicherungen
        """,
        """
        lic, life insurance corporation, hdfc life, icici prudential, sbi life, star health, policybazaar,
        acko, digit insurance, bajaj finserv, bajaj finance, muthoot, home credit, zerodha, groww, upstox,
        kuvera, angel one, cred, geico, state farm, progressive, allstate, allianz, axa, aviva, admiral
        insurance, vanguard, fidelity, robinhood, etoro
        """,
    ),
    _kind(
        "wholesale goods for sale",
        "inventory, stock, goods, merchandise, purchases, supplies",
        """
        wholesale, wholesaler, wholesalers, distributor, distributors, traders, trading, trading co,
        enterprises, cash and carry, agencies, importers, exports, manufacturers, manufacturing, mills,
        industries, suppliers, grosshandel, factory, raw materials, packaging, mandi, godown
        """,
        """
        metro cash carry, udaan, indiamart, alibaba, jumbotail, best price wholesale, booker wholesale,
        makro, ninjacart, costco business
        """,
    ),
    _kind(
        "office supplies and equipment",
        "supplies, office, office supplies, equipment, stationery, shopping",
        """
        office supplies, stationery, stationers, stationery mart, office depot, printers, printing, xerox,
        toner, cartridge, paper mart, packaging materials, tools, safety equipment, laptops, hardware
        store, buerobedarf
        """,
        """
        staples, officeworks, viking direct, camlin, office max, officemax, moglix, industrybuying,
        grainger, uline, screwfix trade, wuerth
        """,
    ),
    _kind(
        "professional services, software and shipping",
        "services, software, professional, subscriptions, business services, office, fees",
        """
        consulting, consultants, consultancy, advisors, chartered accountants, accountant, accounting,
        advocates, legal, law firm, solicitors, notary, audit, software, hosting, cloud, domain, saas,
        courier, couriers, logistics, shipping, freight, cargo, packers, movers, advertising, marketing,
        agency, design studio, security services, manpower, repair, repairs, technologies, infotech,
        solutions, coworking, steuerberater, rechtsanwalt
        """,
        """
        google cloud, google workspace, google ads, facebook ads, meta ads, aws, amazon web services,
        microsoft, microsoft 365, azure, adobe, github, atlassian, slack, zoom us, dropbox, notion,
        openai, anthropic, digitalocean, godaddy, namecheap, cloudflare, zoho, tally solutions, razorpay,
        shopify, canva, hubspot, mailchimp, salesforce, blue dart, bluedart, delhivery, dtdc, ecom
        express, fedex, ups, dhl, usps, royal mail, wework, linkedin, india post, quickbooks, xero
        """,
    ),
    _kind(
        "wages and salaries paid",
        "salary, salaries, wages, payroll, staff, services",
        """
        salary, salaries, payroll, wages, stipend, staff salary, bonus payout, gehalt, provident fund,
        epf, esi contribution
        """,
        """
        gusto payroll, adp payroll, keka, greythr, razorpayx payroll, epfo, rippling, paychex
        """,
    ),
    _kind(
        "gifts and charity",
        "gifts, charity, donations, donation, giving, social",
        """
        donation, charity, foundation, trust, temple, church, mosque, gurudwara, ngo, relief fund, mandir,
        devasthanam, seva
        """,
        """
        giveindia, ketto, milaap, unicef, red cross, oxfam, wikipedia, wikimedia, gofundme, justgiving,
        akshaya patra
        """,
    ),
)
