import { type Command, InvalidArgumentError } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import type { ExactNumber } from '../../json/exact-number.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseJsonOrText, parseNumber } from '../../json/parse-json.ts';
import type { CliIo } from '../output/output.ts';
import { ARGUMENT_SOURCES, readArgument } from './input-argument.ts';

/** The options of `withOverrides`. */
export type OverrideOptions = {
  model?: string;
  temperature?: number | ExactNumber;
  param?: JsonObject;
  overrides?: string;
};

/** Adds the option for the maximum cost of a run. */
export function withBudget(command: Command): Command {
  return command.option(
    '--budget <amount>',
    'maximum cost of the run; can only lower the limit of the agent',
    amount,
  );
}

/** Adds the options by which one run differs from its agent. `note` follows those of parameters. */
export function withOverrides(command: Command, note = ''): Command {
  return command
    .option('--model <name>', 'model to use')
    .option('--temperature <number>', `sampling temperature${note}`, number)
    .option(
      '--param <name=value>',
      `parameter of the model request, such as top_p=0.9; may be repeated${note}`,
      param,
    )
    .option(
      '--overrides <json>',
      `settings of the agent to override for this run, as a JSON object; ${ARGUMENT_SOURCES}`,
    );
}

/**
 * Returns the overrides of the options. Returns undefined if the run does not differ from its
 * agent. Throws `EUSAGE`.
 */
export async function overridesOf(
  io: CliIo,
  options: OverrideOptions,
): Promise<JsonObject | undefined> {
  const { model, temperature, param: params } = options;
  const said = await readArgument(io, 'overrides', options.overrides);
  if (said !== undefined && !isJsonObject(said)) {
    throw new HowdahError('EUSAGE', '--overrides is not a JSON object', {
      hint: `Write --overrides '{"model": "careful", "request_params": {"temperature": 0}}'.`,
    });
  }
  const sent = { ...(temperature !== undefined && { temperature }), ...params };
  const before = said?.request_params ?? {};
  const overrides: JsonObject = {
    ...said,
    ...(model !== undefined && { model }),
    ...(Object.keys(sent).length > 0 && {
      request_params: isJsonObject(before) ? { ...before, ...sent } : before,
    }),
  };
  return Object.keys(overrides).length > 0 ? overrides : undefined;
}

function amount(text: string): string {
  if (/^(\d+(\.\d*)?|\.\d+)$/.test(text) && Number(text) > 0) return text;
  throw new InvalidArgumentError('Use an amount above 0, such as 0.10.');
}

function number(text: string): number | ExactNumber {
  const value = parseNumber(text);
  if (value !== undefined) return value;
  throw new InvalidArgumentError('Use a number, such as 0.2.');
}

/** Parses a parameter whose value is JSON, or else a text: `top_p=0.9`, `reasoning_effort=low`. */
function param(text: string, before: JsonObject = {}): JsonObject {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('Use NAME=VALUE, such as top_p=0.9.');
  }
  return { ...before, [name]: parseJsonOrText(value) };
}
