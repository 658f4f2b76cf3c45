/**
 * What the API answers with, field by field as the document names it, in camelCase. Times are RFC 3339, dates
 * ISO 8601. Money is in `currency` where an object has one. What an answer may lack is optional.
 */

export type Technology = 'solar' | 'wind' | 'hydro' | 'storage' | 'nuclear';
export type Stage = 'planning' | 'construction' | 'operating';
export type Risk = 'low' | 'medium' | 'high';
/** What is known, and what a newer API may add. */
type Known<T extends string> = T | (string & {});

export interface Coordinates {
  lat: number;
  lng: number;
}

export interface Location {
  country: string;
  state?: string | null;
  city?: string | null;
  coordinates?: Coordinates | null;
}

export interface Financial {
  targetAmount: number;
  raisedAmount: number;
  fundingPercentage: number;
  minInvestment: number;
  investorCount: number;
  /** Percent. */
  expectedReturnAnnual: number;
  paybackPeriodYears: number;
  fundingDeadline: string;
  currency?: string;
  /** Percent over the project's life; in lists. */
  totalReturn?: number;
  /** The same; of one project. */
  expectedReturnTotal?: number;
  exitTimelineYears?: number;
  maxInvestment?: number;
  /** What can still be invested. */
  availableAmount?: number;
  acceptsInvestments?: boolean;
  tokenPrice?: number;
}

export interface Impact {
  co2AvoidedTonsAnnual: number;
  homesPowered: number;
  /** In lists. */
  jobsCreated?: number;
  jobsConstruction?: number;
  jobsOperations?: number;
  communityBenefitAnnual?: number;
}

/** A project in a list. */
export interface ListedProject {
  id: string;
  name: string;
  description: string;
  technology: Known<Technology>;
  capacityMw: number;
  location: Location;
  stage: Known<Stage>;
  financial: Financial;
  impact: Impact;
  createdAt: string;
  risk?: Known<Risk>;
  rating?: number | null;
}

export interface ProjectDocument {
  type: string;
  name: string;
  url: string;
  sizeBytes: number;
  uploadedAt: string;
  id?: string;
  sha256?: string;
}

export interface Validation {
  firm: string;
  type: string;
  conclusion: string;
  date: string;
}

export interface RatingBreakdown {
  financial: number;
  technical: number;
  community: number;
  risk: number;
  values: number;
}

/** One project with everything about it. */
export interface Project extends ListedProject {
  /** Percent. */
  constructionProgress?: number | null;
  /** Begin of commercial operation. */
  expectedCod?: string | null;
  /** What is told differs by technology. */
  technical: Record<string, string | number>;
  documents: ProjectDocument[];
  thirdPartyValidation: Validation[];
  ratingBreakdown?: RatingBreakdown | null;
  updatedAt: string;
}

export interface ProjectUpdate {
  id: string;
  projectId: string;
  title: string;
  content: string;
  type: string;
  publishedAt: string;
  attachments: { type: string; url: string }[];
}

export type InvestmentStatus = 'pending' | 'completed' | 'failed';

/** Pending until it is paid. */
export interface NewInvestment {
  id: string;
  projectId: string;
  projectName?: string;
  amount: number;
  currency?: string;
  status: Known<InvestmentStatus>;
  paymentIntentId?: string | null;
  paymentClientSecret?: string | null;
  /** Left out or null: nothing is left for the person to do. */
  nextAction?: { type: string; redirectUrl?: string | null } | null;
}

interface InvestmentHead {
  id: string;
  userId: string;
  projectId: string;
  projectName: string;
  amount: number;
  currency: string;
  paymentMethod: string;
  status: Known<InvestmentStatus>;
  ownershipTokens: number;
  investedAt?: string | null;
  blockchainTxHash?: string | null;
}

/** An investment in a list. */
export interface ListedInvestment extends InvestmentHead {
  currentValue: number;
  returnToDate: number;
  returnPercentage: number;
}

export interface Investment extends InvestmentHead {
  paymentId?: string | null;
  performance: {
    currentValue: number;
    returnToDate: number;
    returnPercentage: number;
    distributionsReceived: number;
    distributionCount: number;
  };
  distributions: {
    id: string;
    amount: number;
    distributionDate: string;
    claimed: boolean;
    claimedAt?: string | null;
  }[];
}

/** A part of a portfolio. */
export interface Share {
  amount: number;
  percentage: number;
}

export interface Portfolio {
  totalInvested: number;
  currentValue: number;
  totalReturn: number;
  returnPercentage: number;
  distributionsReceived: number;
  investmentCount: number;
  projectCount: number;
  breakdownByTechnology: Record<string, Share>;
  breakdownByCountry: Record<string, Share>;
  breakdownByStage: Record<string, Share>;
  topInvestments: {
    projectId: string;
    projectName: string;
    amount: number;
    currentValue: number;
    return: number;
    returnPercentage: number;
  }[];
  currency?: string;
}

export interface PortfolioPerformance {
  period: string;
  granularity: string;
  dataPoints: {
    date: string;
    totalInvested: number;
    portfolioValue: number;
    return: number;
    returnPercentage: number;
  }[];
  summary: {
    startingValue: number;
    endingValue: number;
    totalReturn: number;
    returnPercentage: number;
    /** Percent a year; null: within one day, or above 100,000,000, which says nothing. */
    annualizedReturn?: number | null;
    /** Percent, of the period; null: above 100,000,000, which says nothing. */
    timeWeightedReturn?: number | null;
    /** Percent a year (XIRR); null: within one day, or no rate up to 100,000,000 fits. */
    moneyWeightedReturn?: number | null;
  };
}

export interface Distribution {
  id: string;
  projectId: string;
  projectName: string;
  distributionDate: string;
  totalAmountProject: number;
  userAmount: number;
  currency: string;
  distributionType: string;
  claimed: boolean;
  claimedAt?: string | null;
  paymentMethod?: string | null;
  paymentReference?: string | null;
}

/** A distribution on its way to the person's account. */
export interface Claim {
  id: string;
  amount: number;
  claimed: boolean;
  claimedAt: string;
  expectedTransferDate?: string | null;
  paymentReference?: string | null;
}

export interface Preferences {
  currency?: string;
  notifications?: { email?: boolean; sms?: boolean };
}

export interface User {
  id: string;
  email: string | null;
  name: string | null;
  kycStatus: string;
  kycVerifiedAt?: string | null;
  createdAt: string;
  preferences: Preferences;
}

/** What was sent, as it is now. */
export type ChangedUser = Pick<User, 'id'> & Partial<Pick<User, 'name' | 'preferences'>>;

export interface KycStatus {
  status: string;
  verifiedAt?: string | null;
  documentsRequired: string[];
  nextSteps: string[];
}

/** Where the person proves who they are. */
export interface KycSession {
  verificationUrl: string;
  applicantId: string;
  expiresAt?: string | null;
}

/** What a webhook delivers. */
export interface Event {
  id: string;
  type: string;
  createdAt: string;
  data: Record<string, unknown>;
}

/** Something new on a channel. */
export interface Update {
  /** `portfolio_update`, `project_update`; `reset`: too much was missed to be told, read the state anew. */
  type: string;
  data: Record<string, unknown>;
  seq: number;
}
