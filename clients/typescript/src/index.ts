export { PRODUCTION_URL, SANDBOX_URL, TerraLumina, type TerraLuminaOptions } from './client.js';
export * from './errors.js';
export { OAuthApp, type AuthorizationRequest, type OAuthAppOptions, type Token } from './oauth.js';
export { Page, PagePromise, type Pagination } from './pages.js';
export type { NewInvestmentOptions, ProjectFilters, ProjectListing } from './resources.js';
export type { Retry } from './retry.js';
export type { Socket, SocketClass, StreamOptions } from './stream.js';
export type * from './types.js';
export { verifyWebhook, Webhook, type WebhookHeaders, type WebhookOptions } from './webhooks.js';
