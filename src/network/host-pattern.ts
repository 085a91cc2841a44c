/** `host`, `host:port` or `*.host` as an operator writes them; without a port, any port. */
export type HostPattern = Readonly<{
  /** As WHATWG URLs spell it: lower case, punycode, IPv6 without brackets. */
  host: string;
  /** `*.example.com`: every name below `host`, not `host` itself. */
  wildcard: boolean;
  port: number | null;
}>;

const PATTERN = /^(\*\.)?(\[[\da-f.:]+\]|[^\s:[\]/?#@\\*]+)(?::(\d{1,5}))?$/i;

/** Null when the text is no such pattern. */
export function parseHostPattern(text: string): HostPattern | null {
  const [, star, host, port] = PATTERN.exec(text) ?? [];
  const url = host === undefined ? null : URL.parse(`http://${host}/`);
  const number = port === undefined ? null : Number(port);
  if (!url || number === 0 || (number !== null && number > 65_535)) return null;
  return { host: hostOf(url), wildcard: star !== undefined, port: number };
}

/** The host of a URL as patterns spell it: no brackets around IPv6, no dot of the root at the end. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** Whether one of the patterns names this host and port. */
export function isListed(patterns: readonly HostPattern[], host: string, port: number): boolean {
  return patterns.some(
    (pattern) =>
      (pattern.port === null || pattern.port === port) &&
      (pattern.wildcard ? host.endsWith(`.${pattern.host}`) : host === pattern.host),
  );
}
