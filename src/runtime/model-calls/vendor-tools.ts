import type { ModelRef } from '../../contracts/agents/model.ts';
import type { HeldRun } from '../held-run/held-run.ts';

/**
 * The names under which `CallRules.decided` has the decision about tools that a vendor runs within
 * a model call. No tool has this name, since a name on the wire has no colon.
 */
const RULE = 'model:tools';

/** The parameters that make a vendor run tools of its own, such as a search of the web. */
const PARAMS = [
  'enable_search',
  'functions',
  'plugins',
  'provider_tools',
  'search_parameters',
  'web_search',
  'web_search_options',
] as const;

/** A model as a run may call it, and the parameters that were left out of its request. */
export type PermittedModel = { model: ModelRef; withheld: string[] };

/**
 * Leaves out the parameters for tools of the vendor if the policies of the tenant do not allow
 * them. Nobody can be asked during a model call, so `ask` counts as `deny`. Reads the present rules
 * of the run only for models with such parameters.
 */
export async function permittedModel(model: ModelRef, run: HeldRun): Promise<PermittedModel> {
  const { request_params } = model;
  const named = PARAMS.filter((name) => isOn(request_params[name]));
  if (named.length === 0) return { model, withheld: [] };
  await run.refreshRules();
  const { rules, trust } = run.state;
  if (rules.decided[RULE]?.[trust] === undefined) return { model, withheld: [] };
  const left = Object.entries(request_params).filter(
    ([name]) => !(named as readonly string[]).includes(name),
  );
  return { model: { ...model, request_params: Object.fromEntries(left) }, withheld: named };
}

function isOn(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
