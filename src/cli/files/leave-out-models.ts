import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { fromPointer } from '../../systems/schema/fault.ts';

/** A model that the database refused, for example because there is no key for its vendor. */
export type RefusedModel = { model: string; message: string };

type RefusedPlace = { path: string; message: string; hint?: string };

/**
 * Returns the refused models, if all faults of an apply concern models. Otherwise the list is
 * empty, because the import would fail without these models too.
 */
export function refusedModels(faults: readonly RefusedPlace[]): RefusedModel[] {
  const refused = faults.flatMap(({ path, message, hint }) => {
    const [section, model] = fromPointer(path);
    const advice = hint === undefined ? '' : `. ${hint}`;
    return section === 'models' && model !== undefined
      ? [{ model, message: `${message}${advice}` }]
      : [];
  });
  const isKnownPlace = refused.length === faults.length;
  return isKnownPlace ? [...new Map(refused.map((one) => [one.model, one])).values()] : [];
}

/**
 * Returns the document without these models. Their agents use the default model, without the
 * parameters that were meant for another model.
 */
export function withoutModels(document: JsonObject, names: ReadonlySet<string>): JsonObject {
  const models = entriesOf(document.models).filter(([name]) => !names.has(name));
  const isLeftOut = (name: unknown) => typeof name === 'string' && names.has(name);
  const agents = entriesOf(document.agents).map(([name, agent]) => {
    if (!isLeftOut(agent.model)) return [name, agent];
    const { model: _model, request_params: _params, ...rest } = agent;
    return [name, rest];
  });
  const servers = entriesOf(document.mcp_servers).map(([name, server]) => {
    if (!isLeftOut(server.sampling_model)) return [name, server];
    const { sampling_model: _model, ...rest } = server;
    return [name, rest];
  });
  const sections = Object.entries({ models, agents, mcp_servers: servers })
    .filter(([section]) => document[section] !== undefined)
    .map(([section, entries]) => [section, Object.fromEntries(entries)]);
  const changed: JsonObject = { ...document, ...Object.fromEntries(sections) };
  if (models.length === 0) delete changed.models;
  return changed;
}

function entriesOf(section: unknown): [string, JsonObject][] {
  return isJsonObject(section) ? (Object.entries(section) as [string, JsonObject][]) : [];
}
