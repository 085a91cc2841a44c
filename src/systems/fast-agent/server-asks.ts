import type { JsonObject } from '../../json/json.ts';
import { type Fields, isObject } from './fields.ts';
import type { Models } from './models.ts';

/** The model string of a server's `sampling`, and where it stands. */
export type Sampling = { spec: string; fields: Fields };

export function samplingOf(fields: Fields): Sampling | undefined {
  const { model } = fields.object('sampling') ?? {};
  return typeof model === 'string' && model !== '' ? { spec: model, fields } : undefined;
}

/** What a server answers to models of an import, once there are some. */
export function nameSamplingModels(
  entries: JsonObject,
  samplings: ReadonlyMap<string, Sampling>,
  models: Models,
): void {
  for (const [name, { spec, fields }] of samplings) {
    const tell = (message: string) => fields.note(['sampling'], message);
    const { model, request_params } = models.choose(spec, tell);
    const entry = entries[name] as JsonObject;
    entries[name] = { ...entry, sampling_model: model ?? 'default' };
    if (Object.keys(request_params).length > 0)
      tell(`sampling: what goes along with the model ${JSON.stringify(spec)} is not carried over`);
  }
}

/** `forms` asks people; what answers by itself, or not at all, is what is done here without. */
export function elicitationOf(fields: Fields): string | undefined {
  const { mode } = fields.object('elicitation') ?? {};
  return typeof mode === 'string' ? mode : undefined;
}

/** Folders by their address; what else stands there is told of, and none is carried over. */
export function rootsOf(fields: Fields): JsonObject[] | undefined {
  const given = fields.take('roots');
  if (given === undefined) return undefined;
  const roots = (Array.isArray(given) ? given : []).flatMap((one) => {
    const { uri, name, server_uri_alias: alias } = isObject(one) ? one : {};
    const said = alias ?? uri;
    return typeof said === 'string' && said.startsWith('file:///')
      ? [{ uri: said, ...(typeof name === 'string' && { name }) }]
      : [];
  });
  const isWhole = Array.isArray(given) && roots.length === given.length && roots.length > 0;
  if (!isWhole) fields.note(['roots'], 'roots: nothing here answers to it');
  return isWhole ? roots : undefined;
}
