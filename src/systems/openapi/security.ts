import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { isHeader } from '../../tools/http-request/headers.ts';
import { toPointer } from '../schema/fault.ts';
import type { OpenApi } from './document.ts';

/** A secret that requests are sent with, and a description of its value. */
export type NeededSecret = { secret_name: string; scheme: string; value: string; host: string };

/** The secrets of an operation's requests. `headers` is the `configuration.secrets` of its tool. */
export type Secrets = { headers: JsonObject; needed: NeededSecret[] };

type Sent = { header: string; prefix?: string; value: string };

/**
 * Returns the name of the secret of a security scheme. By default the name joins system and scheme.
 */
export type SecretNames = (scheme: string) => string;

/**
 * Returns the secrets for the first security alternative that a request can carry. If there is
 * none, this is reported, and the request is sent without a secret.
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

/** Ranks authenticated alternatives before the anonymous one. */
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
      : { problem: `(${kind} ${header}) is not a header that may be sent` };
  }
  if (kind.startsWith('oauth2') || kind.startsWith('openidconnect')) {
    return { by: { ...bearer, value: 'an access token, which is not renewed' } };
  }
  return { problem: `(${kind}) cannot be sent as a header` };
}
