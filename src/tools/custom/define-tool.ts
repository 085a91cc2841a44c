import { z } from 'zod';
import type { CustomContext, CustomTool } from '../../contracts/agents/tool.ts';
import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';

/** A tool whose parameters are a zod object, so that the arguments of `run` have its type. */
export type ToolSpec<Parameters extends z.ZodObject> = Omit<CustomTool, 'parameters' | 'run'> & {
  parameters: Parameters;
  run(args: z.output<Parameters>, context: CustomContext): Promise<Json> | Json;
};

/**
 * Creates a tool from parameters in zod. The model receives their JSON Schema (draft 2020-12).
 * `run` receives the parsed arguments, with defaults and transformations. Throws when the
 * parameters have no JSON Schema.
 */
export function defineTool<Parameters extends z.ZodObject>(spec: ToolSpec<Parameters>): CustomTool {
  const { $schema: _, ...parameters } = z.toJSONSchema(spec.parameters, { io: 'input' });
  return {
    ...spec,
    parameters: parameters as JsonSchema,
    async run(args: JsonObject, context: CustomContext): Promise<Json> {
      const parsed = await spec.parameters.safeParseAsync(args);
      if (!parsed.success) {
        const message = `the arguments were not accepted: ${faultsIn(parsed.error)}`;
        throw Object.assign(new Error(message), { code: 'invalid_arguments' });
      }
      return spec.run(parsed.data, context);
    },
  };
}

function faultsIn(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => [path.join('.'), message].filter((word) => word !== '').join(': '))
    .join('; ');
}
