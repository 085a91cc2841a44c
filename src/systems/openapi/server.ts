import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { OpenApi } from './document.ts';
import type { Operation, ToolOptions } from './tool.ts';

/** Where requests of an operation go: what its own level says, or a level above. Undefined, and a fault, where none does. */
export function serverOf(
  openApi: OpenApi,
  one: Operation,
  options: ToolOptions,
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
    return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  }
  const isKnown = openApi.faults.some(({ path }) => path.endsWith('/servers'));
  if (!isKnown) {
    openApi.fault(
      `${level?.pointer ?? ''}/servers`,
      `it is not said where requests go: ${JSON.stringify(said)} is no URL of a server`,
      'Say it: --server https://api.example.org/v1',
    );
  }
  return undefined;
}

/** As `configuration.secrets` names it: with its port where it is asked in the clear. */
export function hostOf(server: string): string {
  const { protocol, hostname, port, host } = new URL(server);
  return protocol === 'https:' ? host : `${hostname}:${port || '80'}`;
}
