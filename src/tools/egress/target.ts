import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { unlessAborted } from '../../concurrency/unless-aborted.ts';
import type { Failure, Outcome } from '../../contracts/errors.ts';
import { type HostPattern, hostOf, isListed } from '../../network/host-pattern.ts';
import { isPublicAddress } from './address.ts';
import { egressFailure, rejectPrivateHost, rejectRequest } from './failures.ts';

/** Returns all addresses of a name. Throws like `dns.lookup`. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;

export type Rules = Readonly<{
  /** Hosts that may be reached although they are not public. */
  allowPrivate: readonly HostPattern[];
  /** The only hosts that may be reached. Undefined for all public hosts. */
  only: readonly HostPattern[] | undefined;
  resolve: Resolve;
}>;

/** An allowed URL, and the only addresses that a connection may use. */
export type EgressTarget = Readonly<{
  url: URL;
  host: string;
  port: number;
  secure: boolean;
  addresses: readonly LookupAddress[];
}>;

/**
 * Names that are never public (RFC 6761, RFC 8375, ICANN's `internal`), or that have no dot and
 * exist only in the local network. They are rejected without a lookup, because the resolver's
 * answer would reveal which names are in use.
 */
const LOCAL_NAME = /^[^.]*$|(^|\.)(localhost|local|internal|home\.arpa)$/;

/**
 * Checks a URL and resolves its host once. Connections use these addresses without another lookup,
 * which could return other addresses. `wait` fires when the lookup takes too long or when the
 * caller gives up.
 */
export async function checkedTarget(
  text: string,
  rules: Rules,
  wait: AbortSignal,
): Promise<Outcome<EgressTarget>> {
  const url = URL.parse(text);
  const flaw = url
    ? flawOf(url)
    : rejectRequest('url: it is not a complete URL, such as https://example.com/');
  if (!url || flaw) return flaw ?? rejectRequest('url: it is not a URL');
  const host = hostOf(url);
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  if (rules.only && !isListed(rules.only, host, port)) {
    return rejectRequest(`url: this tool may not reach ${host}:${port}`, host);
  }
  const addresses = await checkedAddresses(host, port, rules, wait);
  return addresses.ok
    ? { ok: true, value: { url, host, port, secure, addresses: addresses.value } }
    : addresses;
}

/**
 * Resolves a host once and returns at least one address. All addresses are public, unless the
 * operator has allowed the host.
 */
export async function checkedAddresses(
  host: string,
  port: number,
  rules: Omit<Rules, 'only'>,
  wait: AbortSignal,
): Promise<Outcome<readonly LookupAddress[]>> {
  const isOpen = isListed(rules.allowPrivate, host, port);
  const family = isIP(host);
  if (!isOpen && family === 0 && LOCAL_NAME.test(host)) return rejectPrivateHost(host);
  try {
    const literal = family === 0 ? null : [{ address: host, family }];
    // A DNS lookup cannot be cancelled.
    const addresses = literal ?? (await unlessAborted(rules.resolve(host), wait));
    if (!isOpen && !addresses.every(({ address }) => isPublicAddress(address))) {
      return rejectPrivateHost(host);
    }
    return addresses.length === 0
      ? egressFailure(Object.assign(new Error(), { code: 'ENODATA' }), host, wait)
      : { ok: true, value: addresses };
  } catch (error) {
    return egressFailure(error, host, wait);
  }
}

/** Resolves names with the resolver of the system, including its hosts file and its order. */
export const systemResolve: Resolve = (host) => dns.lookup(host, { all: true });

function flawOf(url: URL): Failure | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return rejectRequest('url: only https and http are supported');
  }
  if (url.username !== '' || url.password !== '') {
    return rejectRequest(
      'url: it may not hold a user name or a password; send an authorization header',
      hostOf(url),
    );
  }
  return undefined;
}
