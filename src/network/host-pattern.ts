/**
 * A pattern of hosts as an operator writes it: `host`, `host:port` or `*.host`. Without a port it
 * matches any port.
 */
export type HostPattern = Readonly<{
  /** The host as WHATWG URLs spell it: lower case, punycode, IPv6 without brackets. */
  host: string;
  /** True for `*.example.com`: every name below `host`, but not `host` itself. */
  wildcard: boolean;
  port: number | null;
}>;

const PATTERN = /^(\*\.)?(\[[\da-f.:]+\]|[^\s:[\]/?#@\\*]+)(?::(\d{1,5}))?$/i;

/** Parses a host pattern. Returns null if the text is not a pattern. */
export function parseHostPattern(text: string): HostPattern | null {
  const [, star, host, port] = PATTERN.exec(text) ?? [];
  const url = host === undefined ? null : URL.parse(`http://${host}/`);
  const number = port === undefined ? null : Number(port);
  if (!url || number === 0 || (number !== null && number > 65_535)) return null;
  return { host: hostOf(url), wildcard: star !== undefined, port: number };
}

/**
 * Returns the host of a URL as patterns spell it: without brackets around IPv6 and without a dot at
 * the end.
 */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** Returns the pattern of exactly the host and port of a URL. */
export function hostPatternOf(url: URL): HostPattern {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { host: hostOf(url), wildcard: false, port };
}

/** Returns whether one of the patterns matches this host and port. */
export function isListed(patterns: readonly HostPattern[], host: string, port: number): boolean {
  return patterns.some(
    (pattern) =>
      (pattern.port === null || pattern.port === port) &&
      (pattern.wildcard ? host.endsWith(`.${pattern.host}`) : host === pattern.host),
  );
}
