// Starts ReDoc on the document that the page names.
import { init } from "/web/api/redoc.js";

const place = document.querySelector("#api");
init(place.dataset.document, { disableTelemetry: true }, place);
