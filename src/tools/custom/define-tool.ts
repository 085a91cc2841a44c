import type { z } from 'zod';
import type { CustomContext, CustomTool } from '../../contracts/agents/tool.ts';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { closestNames } from '../../text/closest-names.ts';
import { schemaOf, toZodValues } from './zod-arguments.ts';

/** A tool whose parameters are a zod object, so that the arguments of `run` have its type. */
export type ToolSpec<Parameters extends z.ZodObject> = Omit<CustomTool, 'parameters' | 'run'> & {
  parameters: Parameters;
  run(args: z.output<Parameters>, context: CustomContext): Promise<Json> | Json;
};

const EFFECTS = enumLabels.tool_effect;

/**
 * Creates a tool from parameters in zod. The model receives their JSON Schema (draft 2020-12).
 * `run` receives the parsed arguments, with defaults and transformations. For ids beyond 2^53 use
 * `z.bigint()`; other parameters reject them. Throws when the parameters are not a zod object or
 * have no JSON Schema, without `run`, and for an unknown effect.
 */
export function defineTool<Parameters extends z.ZodObject>(spec: ToolSpec<Parameters>): CustomTool {
  if (!isZodObject(spec.parameters)) {
    throw new HowdahError('HWINV', `the parameters of the tool ${spec.name} are not a zod object`, {
      hint: 'Set parameters to z.object({…}) of zod 4, or to z.object({}) if there are none.',
    });
  }
  if (typeof spec.run !== 'function') {
    throw new HowdahError('HWINV', `the tool ${spec.name} has no function run`, {
      hint: 'Set run to a function of the arguments: run: async ({ id }) => ….',
    });
  }
  if (spec.effect !== undefined && !EFFECTS.includes(spec.effect)) {
    const [near] = closestNames(String(spec.effect), EFFECTS, 1);
    throw new HowdahError('HWINV', `the tool ${spec.name} has the unknown effect ${spec.effect}`, {
      hint: `${near ? `Did you mean ${near}? ` : ''}Effects are ${EFFECTS.join(', ')}.`,
    });
  }
  const parameters = schemaOf(spec.parameters);
  return {
    ...spec,
    parameters,
    async run(args: JsonObject, context: CustomContext): Promise<Json> {
      const parsed = await spec.parameters.safeParseAsync(toZodValues(args, parameters));
      if (!parsed.success) {
        const message = `the arguments were not accepted: ${faultsIn(parsed.error)}`;
        throw Object.assign(new Error(message), { code: 'invalid_arguments' });
      }
      return spec.run(parsed.data, context);
    },
  };
}

/** Returns whether a value is a zod object. The project may have another copy of zod. */
export function isZodObject(value: unknown): boolean {
  const def = (value as { _zod?: { def?: { type?: unknown } } } | null | undefined)?._zod?.def;
  return def?.type === 'object';
}

function faultsIn(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => [path.join('.'), message].filter((word) => word !== '').join(': '))
    .join('; ');
}
