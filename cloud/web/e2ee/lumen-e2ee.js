// End-to-end encryption of LUMEN transactions in a browser (docs/encryption.md). An ES module without
// dependencies. RSA-OAEP-2048 with SHA-256 wraps a key of 256 bits for each device; AES-256-GCM seals fields.
// The private key cannot be exported and stays in this browser's IndexedDB.

const RSA = { name: "RSA-OAEP", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
const DEK_BYTES = 32;
const NONCE_BYTES = 12;
const WRAPS_AT_ONCE = 200;
const TRIES_MAX = 3;
const DATABASE = "lumen-e2ee";
const STORE = "devices";
const PROOF_DOMAIN = "lumen-e2ee approve v1\n";
const DEVICES = "/api/v1/users/me/devices";
const TRANSACTIONS = "/api/v1/transactions";

/** Not sealed for this device, or not what was sealed. */
export class NotReadable extends Error {}

/** What the service refused: `status`, and its own error body in `body`. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

// Keys

/** A new pair, kept in this browser; its public half in PEM and the device's id. */
export async function generateDeviceKeypair(deviceId = crypto.randomUUID()) {
  const pair = await crypto.subtle.generateKey(RSA, false, ["encrypt", "decrypt"]);
  const publicKey = toPem(await crypto.subtle.exportKey("spki", pair.publicKey));
  await keep({ deviceId, publicKey, privateKey: pair.privateKey });
  return { deviceId, publicKey };
}

/** SHA-256 of a public key, in hex: what people compare on two screens. */
export async function fingerprintOf(publicKey) {
  return hex(await crypto.subtle.digest("SHA-256", fromPem(publicKey)));
}

/** The device's keys are gone from this browser for good. */
export async function forgetDevice(deviceId) {
  memory.delete(deviceId);
  if (globalThis.indexedDB) await inStore("readwrite", (store) => store.delete(deviceId));
}

// Sealing

/** `encrypted_data` and `wrapped_deks`. `userDevices`: the PEM of each active device by its id. */
export async function encryptTransactionData({ merchant, invoiceNo, parsedFields }, userDevices) {
  const dek = crypto.getRandomValues(new Uint8Array(DEK_BYTES));
  const key = await crypto.subtle.importKey("raw", dek, "AES-GCM", false, ["encrypt"]);
  const encryptedData = {
    merchant_name_raw: await seal(key, merchant ?? ""),
    invoice_no: await seal(key, invoiceNo ?? ""),
    parsed_fields: await seal(key, JSON.stringify(parsedFields ?? {})),
  };
  const wrappedDeks = {};
  for (const [deviceId, publicKey] of Object.entries(userDevices)) {
    wrappedDeks[deviceId] = await wrap(dek, publicKey);
  }
  dek.fill(0);
  return { encrypted_data: encryptedData, wrapped_deks: wrappedDeks };
}

/** What a transaction's sealed fields say, by a device whose keys are in this browser; null: nothing known. */
export async function decryptTransactionData(transaction, deviceId) {
  const dek = await unwrapDek(transaction, deviceId);
  try {
    const key = await crypto.subtle.importKey("raw", dek, "AES-GCM", false, ["decrypt"]);
    const data = transaction.encrypted_data;
    return {
      merchant: (await open(key, data.merchant_name_raw)) || null,
      invoiceNo: (await open(key, data.invoice_no)) || null,
      parsedFields: JSON.parse(await open(key, data.parsed_fields)),
    };
  } catch {
    throw new NotReadable("altered, or sealed under another key");
  } finally {
    dek.fill(0);
  }
}

// At the service. `service` is { token, baseUrl }; without baseUrl it is where this script came from.

/** Registers a device with its public key; `status` tells whether another must let it in. */
export function registerDevice(service, { deviceId, publicKey, deviceName, deviceType = "web" }) {
  const body = { device_id: deviceId, public_key: publicKey, device_name: deviceName, device_type: deviceType };
  return call(service, "POST", DEVICES, body);
}

/** Active and pending devices. */
export async function listDevices(service) {
  return (await call(service, "GET", DEVICES)).devices;
}

/** A transaction sealed to all active devices; `entry` has what stays readable, such as its amount. */
export async function addTransaction(service, entry, sensitive) {
  const active = (await listDevices(service)).filter((device) => device.status === "active");
  const keys = Object.fromEntries(active.map((device) => [device.device_id, device.public_key]));
  return call(service, "POST", TRANSACTIONS, { ...entry, ...(await encryptTransactionData(sensitive, keys)) });
}

/**
 * Lets a pending device in, by one that is active and has its keys in this browser: wraps every key for it,
 * then vouches for it. `fingerprint` is what the new device shows of its own key.
 */
export async function approveDevice(service, deviceId, newDeviceId, fingerprint) {
  const path = `${DEVICES}/${encodeURIComponent(newDeviceId)}`;
  const { public_key: publicKey } = await call(service, "GET", path);
  if ((await fingerprintOf(publicKey)) !== fingerprint.toLowerCase()) {
    throw new Error("the new device has another key than the service says: do not let it in");
  }
  for (let left = TRIES_MAX; ; left -= 1) {
    await wrapMissing(service, path, deviceId, publicKey);
    try {
      return await vouch(service, path, deviceId, newDeviceId, fingerprint.toLowerCase());
    } catch (error) {
      if (error.status !== 409 || left === 1) throw error; // a conflict: more was sealed meanwhile
    }
  }
}

/** Nothing is sealed to it any more; needs a sign-in younger than five minutes. */
export function revokeDevice(service, deviceId) {
  return call(service, "DELETE", `${DEVICES}/${encodeURIComponent(deviceId)}`);
}

async function wrapMissing(service, path, deviceId, publicKey) {
  for (let after = 0; after !== null; ) {
    const page = await call(service, "GET", `${path}/missing-keys?after=${after}&limit=${WRAPS_AT_ONCE}`);
    const keys = {};
    for (const row of page.transactions.filter((one) => deviceId in one.wrapped_deks)) {
      const dek = await unwrapDek(row, deviceId);
      keys[row.id] = await wrap(dek, publicKey);
      dek.fill(0);
    }
    if (Object.keys(keys).length > 0) await call(service, "PUT", `${path}/wrapped-deks`, { wrapped_deks: keys });
    after = page.next_after;
  }
}

async function vouch(service, path, deviceId, newDeviceId, fingerprint) {
  const asked = await call(service, "POST", `${path}/challenge`, { device_id: deviceId });
  const proof = await approvalProof(asked.challenge, deviceId, newDeviceId, fingerprint);
  return call(service, "POST", `${path}/approve`, { device_id: deviceId, expires_at: asked.expires_at, proof });
}

async function approvalProof(challenge, deviceId, newDeviceId, fingerprint) {
  const { privateKey } = await kept(deviceId);
  const secret = await crypto.subtle.decrypt({ name: "RSA-OAEP" }, privateKey, fromBase64(challenge));
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const said = new TextEncoder().encode(`${PROOF_DOMAIN}${newDeviceId}\n${fingerprint}`);
  return toBase64(await crypto.subtle.sign("HMAC", key, said));
}

async function call({ token, baseUrl }, method, path, body) {
  const answer = await fetch(new URL(path, baseUrl ?? import.meta.url), {
    method,
    headers: {
      Authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
  });
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

// One field, one key

async function seal(key, text) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const ciphertext = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, new TextEncoder().encode(text));
  return { ciphertext: toBase64(ciphertext), nonce: toBase64(nonce) };
}

async function open(key, { ciphertext, nonce }) {
  const sealed = { name: "AES-GCM", iv: fromBase64(nonce) };
  const text = await crypto.subtle.decrypt(sealed, key, fromBase64(ciphertext));
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
}

async function wrap(dek, publicKey) {
  const { name, hash } = RSA;
  const key = await crypto.subtle.importKey("spki", fromPem(publicKey), { name, hash }, false, ["encrypt"]);
  return toBase64(await crypto.subtle.encrypt({ name }, key, dek));
}

async function unwrapDek(transaction, deviceId) {
  const wrapped = transaction.wrapped_deks?.[deviceId];
  if (wrapped === undefined) throw new NotReadable(`no key for device ${deviceId}`);
  const { privateKey } = await kept(deviceId);
  let dek;
  try {
    dek = new Uint8Array(await crypto.subtle.decrypt({ name: "RSA-OAEP" }, privateKey, fromBase64(wrapped)));
  } catch {
    throw new NotReadable("the key was wrapped for another device");
  }
  if (dek.length !== DEK_BYTES) throw new NotReadable("no key of 256 bits");
  return dek;
}

// Where keys are kept: IndexedDB, or, where a browser has none, until the page is closed

const memory = new Map();

async function keep(device) {
  if (!globalThis.indexedDB) memory.set(device.deviceId, device);
  else await inStore("readwrite", (store) => store.add(device));
}

async function kept(deviceId) {
  const device = globalThis.indexedDB
    ? await inStore("readonly", (store) => store.get(deviceId))
    : memory.get(deviceId);
  if (device === undefined) throw new NotReadable(`the keys of device ${deviceId} are not in this browser`);
  return device;
}

function inStore(mode, ask) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "deviceId" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => {
        database.close();
        resolve(request.result);
      };
      transaction.onabort = () => {
        database.close();
        reject(transaction.error);
      };
    };
  });
}

// Texts

function toBase64(buffer) {
  let text = "";
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toPem(spki) {
  const lines = toBase64(spki).match(/.{1,64}/g).join("\n");
  return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
}

function fromPem(pem) {
  return fromBase64(pem.replace(/-----[A-Z ]+-----/g, "").replace(/\s/g, ""));
}

function hex(buffer) {
  return [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
