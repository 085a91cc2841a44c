import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import pg from 'pg';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Client } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import type { DatabaseUrl } from './database-url.ts';

const CONNECT_MS = 5_000;
/** Maximum number of addresses of a host, which are tried one after the other. */
const MAX_ADDRESSES = 3;
/**
 * The extra time to answer after the time-out of the server, before the connection counts as lost.
 */
const ANSWER_MS = 5_000;

/** A function that returns the checked addresses of a host. */
export type FindAddresses = (
  host: string,
  port: number,
  signal: AbortSignal,
) => Promise<Outcome<string[]>>;

/**
 * Opens a new connection to another database, at a checked address. Errors contain the name of the
 * secret and never its value. They also omit the server's own message, because that message names
 * the user.
 */
export async function connectExternal(
  url: DatabaseUrl,
  secret: string,
  timeoutMs: number,
  find: FindAddresses,
  signal: AbortSignal,
): Promise<Outcome<Client>> {
  const found = await find(url.host, url.port, signal);
  if (!found.ok) return { ok: false, error: unfound(found.error, secret) };
  let failure: unknown;
  for (const address of found.value.slice(0, MAX_ADDRESSES)) {
    if (signal.aborted) break;
    const client = new pg.Client(configOf(url, address, timeoutMs));
    client.on('error', () => {}); // the pending query reports it
    try {
      await client.connect();
      return { ok: true, value: client };
    } catch (error) {
      failure = error;
      await client.end().catch(() => {});
    }
  }
  return { ok: false, error: connectionError(failure, secret) };
}

function configOf(url: DatabaseUrl, address: string, timeoutMs: number): pg.ClientConfig {
  const { host, port, user, password, database } = url;
  return {
    ...{ host: address, port, user, password, database },
    ssl: tlsOf(url.tls, host),
    application_name: 'howdah-queries',
    client_encoding: 'UTF8',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: timeoutMs + ANSWER_MS,
    keepAlive: true,
  };
}

function tlsOf(tls: DatabaseUrl['tls'], host: string): pg.ClientConfig['ssl'] {
  if (tls === 'disable') return false;
  const servername = /[a-z]/i.test(host) && !host.includes(':') ? { servername: host } : {};
  return {
    ...servername,
    rejectUnauthorized: tls !== 'require',
    // The connection uses an address, but the certificate is for the name.
    checkServerIdentity: (_address: string, certificate: PeerCertificate) =>
      tls === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  };
}

function unfound({ code, retryable }: RunError, secret: string): RunError {
  const message =
    code === 'invalid_request'
      ? `the database of the secret ${secret} is at no public address, so it may not be reached; an operator can add its host:port to HOWDAH_EGRESS_ALLOW`
      : `the host of the database of the secret ${secret} is not found`;
  return { code: code === 'invalid_request' ? 'tool_failed' : code, message, retryable };
}

const LOGIN = /^28/;
const NO_DATABASE = '3D000';
const NO_TLS = /does not support SSL/;
const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

function connectionError(error: unknown, secret: string): RunError {
  const { code, message: said } = faultOf(error);
  const errorOf = (what: string): RunError => ({
    code: 'tool_failed',
    message: `the database of the secret ${secret} ${what}`,
    retryable: false,
  });
  if (LOGIN.test(code)) return errorOf('rejects the user or the password of its URL');
  if (code === NO_DATABASE) return errorOf('does not exist on its server');
  if (TLS.test(code) || /SSL/.test(said)) {
    const why = NO_TLS.test(said)
      ? 'its server does not support TLS; if the network is trusted, set ?sslmode=disable in the URL'
      : code;
    return errorOf(`cannot be reached with the sslmode of its URL (${why})`);
  }
  const message = `the database of the secret ${secret} cannot be reached${code === 'unknown' ? '' : ` (${code})`}`;
  return { code: 'unreachable', message, retryable: true };
}
