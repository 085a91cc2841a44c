import { basename, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { CustomTool } from '../../contracts/agents/tool.ts';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { defineTool, isZodObject } from './define-tool.ts';

let loads = 0;

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** The required shape of an exported tool. */
const spec = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -'),
  description: z.string().min(1, 'must describe the tool'),
  parameters: z.custom<object>(
    (value) => isZodObject(value) || isJsonSchema(value),
    'must be a zod object or the JSON Schema of an object',
  ),
  effect: z.enum(enumLabels.tool_effect).optional(),
  capabilities: z.array(z.string()).optional(),
  domain: z.string().optional(),
  run: z.custom(isFunction, 'must be a function'),
});

/**
 * Loads the tools that a file exports in its current version. Every object with `run` is a tool,
 * named by its `name` or by its export. Throws an error that describes the first fault.
 */
export async function toolsOfFile(path: string): Promise<CustomTool[]> {
  loads += 1; // Node caches a module by its URL
  const module: Record<string, unknown> = await import(`${pathToFileURL(path).href}?${loads}`);
  const tools = Object.entries(module)
    .filter(([, value]) => isTool(value))
    .map(([key, value]) =>
      toolOf(key === 'default' ? basename(path, extname(path)) : key, value as object),
    );
  if (tools.length === 0) {
    throw new Error('it does not export a tool: an object with description, parameters and run');
  }
  return tools;
}

function isTool(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('run' in value || 'parameters' in value);
}

function toolOf(key: string, value: object): CustomTool {
  const checked = spec.safeParse({ name: key, ...value });
  if (!checked.success) {
    const faults = checked.error.issues.map(({ path, message }) =>
      [path.join('.'), message].filter((word) => word !== '').join(' '),
    );
    throw new Error(`${key}: ${faults.join('; ')}`);
  }
  const tool = { name: key, ...value } as CustomTool;
  return isZodObject(tool.parameters)
    ? defineTool(tool as unknown as Parameters<typeof defineTool>[0])
    : tool;
}

function isJsonSchema(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'object' &&
    !('_zod' in value)
  );
}
