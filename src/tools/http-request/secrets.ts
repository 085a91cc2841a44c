import type { Outcome, RunError } from '../../contracts/errors.ts';
import {
  type HostPattern,
  hostOf,
  isListed,
  parseHostPattern,
} from '../../contracts/host-pattern.ts';
import { isJsonObject, type Json } from '../../contracts/json.ts';
import { REDACTED, spellings } from '../../contracts/redacted.ts';

type HeaderSecret = { secret_name: string; hosts: string[]; prefix?: string };

/** The headers that hold secrets for this URL, and the values, which nothing that comes back may repeat. */
export type SecretHeaders = { headers: [name: string, value: string][]; values: string[] };

/**
 * What `configuration.secrets` sends along: `{"authorization": {"secret_name", "hosts", "prefix"}}`. Only to the hosts that
 * stand there, and in the clear only where one stands with its port. A redirect to elsewhere carries none of them.
 */
export async function secretHeaders(
  configured: Json | undefined,
  url: string,
  read: (name: string) => Promise<Outcome<string>>,
): Promise<Outcome<SecretHeaders>> {
  const found: SecretHeaders = { headers: [], values: [] };
  const target = URL.parse(url);
  if (!target || !isJsonObject(configured ?? null)) return { ok: true, value: found };
  for (const [header, entry] of Object.entries(configured as Record<string, HeaderSecret>)) {
    if (!isFor(entry.hosts, target)) continue;
    const secret = await read(entry.secret_name);
    if (!secret.ok) return { ok: false, error: asToolFault(secret.error) };
    const value = secret.value.trim();
    found.headers.push([header, (entry.prefix ?? '') + value]);
    found.values.push(value);
  }
  return { ok: true, value: found };
}

function isFor(hosts: string[], target: URL): boolean {
  const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
  const patterns = hosts.map(parseHostPattern).filter((one): one is HostPattern => one !== null);
  const fit =
    target.protocol === 'https:' ? patterns : patterns.filter((pattern) => pattern.port !== null);
  return isListed(fit, hostOf(target), port);
}

/** Texts without the values that were sent, however they are spelled. */
export function withoutSecrets<T extends Json>(value: T, secrets: readonly string[]): T {
  if (secrets.length === 0) return value;
  const known = secrets.flatMap(spellings).filter((spelling) => spelling !== '');
  const clean = (one: Json): Json => {
    if (typeof one === 'string') {
      return known.reduce((text, spelling) => text.replaceAll(spelling, REDACTED), one);
    }
    if (Array.isArray(one)) return one.map(clean);
    if (!isJsonObject(one)) return one;
    return Object.fromEntries(
      Object.entries(one).map(([key, inner]) => [clean(key) as string, clean(inner)]),
    );
  };
  return clean(value) as T;
}

/** The fault is in a row, where no model can mend it; a database that could not be asked may answer next time. */
function asToolFault(error: RunError): RunError {
  return error.retryable ? error : { ...error, code: 'tool_failed' };
}
