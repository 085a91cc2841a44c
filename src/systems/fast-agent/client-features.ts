import { isJsonObject, type JsonObject } from '../../json/json.ts';
import type { Fields } from './fields.ts';

/** Resolves a model string, and reports messages about it with `tell`. */
type ChooseModel = (
  spec: string,
  tell: (message: string) => void,
) => { model?: string; request_params: JsonObject };

/** The model string of a server's `sampling`, and its place. */
export type SamplingModel = { spec: string; fields: Fields };

export function readSampling(fields: Fields): SamplingModel | undefined {
  const { model } = fields.object('sampling') ?? {};
  return typeof model === 'string' && model !== '' ? { spec: model, fields } : undefined;
}

/**
 * Sets the model that answers a server's sampling requests, once the models of the import exist.
 */
export function nameSamplingModels(
  entries: JsonObject,
  samplings: ReadonlyMap<string, SamplingModel>,
  choose: ChooseModel,
): void {
  for (const [name, { spec, fields }] of samplings) {
    const tell = (message: string) => fields.note(['sampling'], message);
    const { model, request_params } = choose(spec, tell);
    const entry = entries[name] as JsonObject;
    entries[name] = { ...entry, sampling_model: model ?? 'default' };
    if (Object.keys(request_params).length > 0)
      tell(`sampling: parameters of the model ${JSON.stringify(spec)} are not imported`);
  }
}

/**
 * Returns the elicitation mode. `forms` asks people. Modes that answer automatically, or not at
 * all, have no counterpart.
 */
export function readElicitationMode(fields: Fields): string | undefined {
  const { mode } = fields.object('elicitation') ?? {};
  return typeof mode === 'string' ? mode : undefined;
}

/**
 * Returns the roots of a server by their URI. If any entry is not a folder, reports it and returns
 * no root.
 */
export function readRoots(fields: Fields): JsonObject[] | undefined {
  const value = fields.take('roots');
  if (value === undefined) return undefined;
  const roots = (Array.isArray(value) ? value : []).flatMap((one) => {
    const { uri, name, server_uri_alias: alias } = isJsonObject(one) ? one : {};
    const said = alias ?? uri;
    return typeof said === 'string' && said.startsWith('file:///')
      ? [{ uri: said, ...(typeof name === 'string' && { name }) }]
      : [];
  });
  const isWhole = Array.isArray(value) && roots.length === value.length && roots.length > 0;
  if (!isWhole) fields.note(['roots'], 'roots: not supported');
  return isWhole ? roots : undefined;
}
