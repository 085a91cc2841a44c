import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { isHeader } from '../../tools/http-request/headers.ts';
import { toPointer } from '../schema/fault.ts';
import type { OpenApi } from './document.ts';

/** A secret that requests are sent with, and what its value is. */
export type NeededSecret = { secret_name: string; scheme: string; value: string; host: string };

/** What requests of an operation carry: `configuration.secrets` of its tool. */
export type Secrets = { headers: JsonObject; needed: NeededSecret[] };

type Sent = { header: string; prefix?: string; value: string };

/** Which secrets there are for the schemes of a description: by default they are called as system and scheme. */
export type SecretNames = (scheme: string) => string;

/**
 * The first of the alternatives an operation may be authorised by that a request can carry. None is told of, and the request
 * is sent without.
 */
export function secretsOf(
  openApi: OpenApi,
  operation: { value: JsonObject; pointer: string },
  host: string,
  nameOf: SecretNames,
): Secrets {
  const own = operation.value.security;
  const at = own === undefined ? '' : operation.pointer;
  const alternatives = (own ?? openApi.root.security ?? []) as Json;
  if (!Array.isArray(alternatives) || alternatives.length === 0) return { headers: {}, needed: [] };
  const why: string[] = [];
  for (const alternative of alternatives.toSorted((a, b) => weight(b) - weight(a))) {
    const schemes = Object.keys(isJsonObject(alternative) ? alternative : {});
    const sent = schemes.map((scheme) => ({ scheme, ...sentBy(openApi, scheme) }));
    const strange = sent.flatMap(({ scheme, problem }) =>
      problem ? [`${scheme} ${problem}`] : [],
    );
    why.push(...strange);
    if (strange.length > 0) continue;
    const headers = sent.flatMap(({ scheme, by }) => (by ? [{ scheme, ...by }] : []));
    return {
      headers: Object.fromEntries(
        headers.map(({ scheme, header, prefix }) => [
          header,
          { secret_name: nameOf(scheme), hosts: [host], ...(prefix && { prefix }) },
        ]),
      ),
      needed: headers.map(({ scheme, value }) => ({
        secret_name: nameOf(scheme),
        scheme,
        value,
        host,
      })),
    };
  }
  openApi.note(
    `${at}/security`,
    `requests are sent without a key: ${[...new Set(why)].join('; ')}`,
  );
  return { headers: {}, needed: [] };
}

/** To be known is better than to be nobody. */
function weight(alternative: Json): number {
  return isJsonObject(alternative) && Object.keys(alternative).length > 0 ? 1 : 0;
}

function sentBy(openApi: OpenApi, scheme: string): { by?: Sent; problem?: string } {
  const pointer = toPointer(['components', 'securitySchemes', scheme]);
  const found = openApi.resolve(openApi.at(pointer), pointer)?.value;
  if (!found) return { problem: 'is not described' };
  const kind = `${String(found.type)} ${String(found.scheme ?? found.in ?? '')}`
    .trim()
    .toLowerCase();
  const bearer = { header: 'authorization', prefix: 'Bearer ' };
  if (kind === 'http bearer') return { by: { ...bearer, value: 'the token' } };
  if (kind === 'http basic') {
    return { by: { header: 'authorization', prefix: 'Basic ', value: 'base64 of user:password' } };
  }
  if (kind === 'apikey header') {
    const header = String(found.name).toLowerCase();
    return isHeader(header, '')
      ? { by: { header, value: 'the key' } }
      : { problem: `(${kind} ${header}) is no header that may be sent` };
  }
  if (kind.startsWith('oauth2') || kind.startsWith('openidconnect')) {
    return { by: { ...bearer, value: 'an access token, which is not renewed' } };
  }
  return { problem: `(${kind}) cannot be sent as a header` };
}
