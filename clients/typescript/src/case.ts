/** snake_case on the wire, camelCase in the program. */

export function camelCased(value: unknown): unknown {
  return renamed(value, (name) => name.replace(/(?<=.)_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));
}

export function snakeCased(value: unknown): unknown {
  return renamed(value, snakeName);
}

export function snakeName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => renamed(one, rename));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [rename(name), renamed(one, rename)]));
}
