import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { trimEnd } from '../../text/trim-end.ts';
import type { Located, OpenApi } from './document.ts';

/**
 * Returns the server of an operation, from its own level or from a level above. Reports a fault and
 * returns undefined if no level has a valid URL.
 */
export function serverUrlOf(
  openApi: OpenApi,
  one: { path: Located; operation: Located },
  options: { server?: string | undefined; source?: string | undefined },
): string | undefined {
  const levels = [one.operation, one.path, { value: openApi.root, pointer: '' }];
  const level = levels.find(
    ({ value }) => Array.isArray(value.servers) && value.servers.length > 0,
  );
  const first = (level?.value.servers as Json[] | undefined)?.[0];
  const server = isJsonObject(first ?? null) ? (first as JsonObject) : { url: '/' };
  const variables = isJsonObject(server.variables ?? null)
    ? (server.variables as Record<string, JsonObject>)
    : {};
  const said = String(server.url).replace(/\{([^{}]+)\}/g, (_, name) =>
    String(variables[name]?.default ?? ''),
  );
  const url = URL.parse(options.server ?? said, options.source);
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '') {
    return `${url.origin}${trimEnd(url.pathname, '/')}`;
  }
  const isKnown = openApi.faults.some(({ path }) => path.endsWith('/servers'));
  if (!isKnown) {
    openApi.fault(
      `${level?.pointer ?? ''}/servers`,
      `the server is missing: ${JSON.stringify(said)} is not the URL of a server`,
      'Set the server with --server https://api.example.org/v1',
    );
  }
  return undefined;
}

/**
 * Returns the host as `configuration.secrets` names it: with its port if the protocol is HTTP
 * without TLS.
 */
export function secretHost(server: string): string {
  const { protocol, hostname, port, host } = new URL(server);
  return protocol === 'https:' ? host : `${hostname}:${port || '80'}`;
}
