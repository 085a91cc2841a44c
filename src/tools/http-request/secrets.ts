import type { Outcome, RunError } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import {
  type HostPattern,
  hostOf,
  isListed,
  parseHostPattern,
} from '../../network/host-pattern.ts';
import { isHeader } from './headers.ts';

type HeaderSecret = { secret_name: string; hosts: string[]; prefix?: string };

/** The headers with secrets for this URL, and their values, which the answer may not show. */
export type SecretHeaders = { headers: [name: string, value: string][]; values: string[] };

/**
 * Returns the headers of `configuration.secrets`: `{"authorization": {"secret_name", "hosts",
 * "prefix"}}`. A secret is sent only to its listed hosts. Without TLS, it is sent only to hosts
 * that are listed with a port. A redirect to another origin carries no secret.
 */
export async function readSecretHeaders(
  configured: Json | undefined,
  url: string,
  read: (name: string) => Promise<Outcome<string>>,
): Promise<Outcome<SecretHeaders>> {
  const headers: SecretHeaders['headers'] = [];
  const values: string[] = [];
  const target = URL.parse(url);
  if (!target || !isJsonObject(configured ?? null)) {
    return { ok: true, value: { headers, values } };
  }
  for (const [header, entry] of Object.entries(configured as Record<string, HeaderSecret>)) {
    if (!isFor(entry.hosts, target)) continue;
    const secret = await read(entry.secret_name);
    if (!secret.ok) return { ok: false, error: asToolFault(secret.error) };
    const value = secret.value.trim();
    const sent = (entry.prefix ?? '') + value;
    if (!isHeader(header, sent)) return unsendable(header, entry.secret_name);
    headers.push([header, sent]);
    values.push(value);
  }
  return { ok: true, value: { headers, values } };
}

function isFor(hosts: string[], target: URL): boolean {
  const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
  const patterns = hosts.map(parseHostPattern).filter((one): one is HostPattern => one !== null);
  const fit =
    target.protocol === 'https:' ? patterns : patterns.filter((pattern) => pattern.port !== null);
  return isListed(fit, hostOf(target), port);
}

/**
 * Creates the error of a header that cannot be sent. The message omits the value, because messages
 * are logged.
 */
function unsendable(header: string, secret: string): Outcome<never> {
  const message = `the header ${header} cannot be sent with the secret ${secret}: one of them holds characters no header has`;
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}

/**
 * Converts an error of a secret to `tool_failed`, because the model cannot correct a row. A
 * retryable error of the database keeps its code.
 */
export function asToolFault(error: RunError): RunError {
  return error.retryable ? error : { ...error, code: 'tool_failed' };
}
