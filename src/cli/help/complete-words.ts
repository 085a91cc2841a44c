import type { Argument, Command, Option } from 'commander';
import { firstVerb } from '../nouns/subcommands.ts';

/** The candidates for the end of a line. `files` means that a file name is also possible. */
export type Candidates = { words: { word: string; summary: string }[]; files: boolean };

/**
 * A function that returns a command with its arguments, options and verbs. They are loaded when
 * needed. Returns undefined for a noun, whose commands are known.
 */
export type Load = (command: Command) => Promise<Command | undefined>;

const FILES = /file|path|folder/i;

/** Returns the candidates for the last of `words`, which is being typed and may be empty. */
export async function completionsOf(
  program: Command,
  words: readonly string[],
  load: Load,
): Promise<Candidates> {
  const typed = joinOptionWords(words);
  const last = typed.pop() ?? '';
  const place: Place = { command: program, chain: [program], position: 0, isLoaded: false };
  let waiting: Option | undefined;
  for (const word of typed) {
    if (waiting) {
      waiting = undefined;
    } else if (word.startsWith('-')) {
      const option = optionsOf(chainOf(place)).find(({ long, short }) =>
        [long, short].includes(word),
      );
      waiting = option?.required ? option : undefined;
    } else {
      await step(place, word, load);
    }
  }
  if (waiting) return valuesOf(waiting, FILES.test(waiting.flags), last);
  if (last.startsWith('-')) return flagsOf(chainOf(place), last);
  const here = operandsOf(place, last);
  const without = firstVerb(place.command);
  if (!without) return here;
  const there = operandsOf({ ...place, command: without }, last);
  return { words: [...here.words, ...there.words], files: here.files || there.files };
}

/** Normalizes the words of options. Bash passes `--status=failed` as three words. */
function joinOptionWords(words: readonly string[]): string[] {
  return words
    .flatMap((word) => (/^--[^=]+=/.test(word) ? word.split(/=(.*)/s, 2) : [word]))
    .filter((word) => word !== '=');
}

/** `isLoaded`: the command has its arguments, options and verbs. */
type Place = { command: Command; chain: Command[]; position: number; isLoaded: boolean };

/**
 * Returns the commands whose options are possible there. Without a verb, a noun takes the options
 * of its first verb.
 */
function chainOf({ command, chain }: Place): Command[] {
  const verb = firstVerb(command);
  return verb ? [...chain, verb] : chain;
}

async function step(place: Place, word: string, load: Load): Promise<void> {
  const known = place.command.commands.find((one) => [one.name(), ...one.aliases()].includes(word));
  if (!known) {
    place.position += 1;
    return;
  }
  const loaded = place.isLoaded ? known : await load(known);
  place.isLoaded = loaded !== undefined;
  place.command = loaded ?? known;
  place.chain.push(place.command);
  place.position = 0;
}

function optionsOf(chain: readonly Command[]): Option[] {
  return chain.flatMap(({ options }) => options).filter(({ hidden }) => !hidden);
}

function flagsOf(chain: readonly Command[], last: string): Candidates {
  const help = { short: undefined, long: '--help', description: 'print this help' };
  const words = [...optionsOf(chain), help]
    .filter(({ long }) => long !== '--version' || chain.length === 1) // only of `howdah` itself
    .flatMap(({ short, long, description }) =>
      [short, long].flatMap((word) => (word ? [{ word, summary: description }] : [])),
    )
    .filter(({ word }) => word.startsWith(last) && word.startsWith('--')); // both, if two are long
  return { words, files: false };
}

function operandsOf({ command, position }: Place, last: string): Candidates {
  const subcommands = position > 0 ? [] : command.createHelp().visibleCommands(command);
  const words = subcommands
    .filter((one) => one.name() !== 'help')
    .flatMap((one) => {
      // aliases only for somebody who has started to type a word
      const names = last === '' ? [one.name()] : [one.name(), ...one.aliases()];
      return names.map((word) => ({ word, summary: one.description() }));
    })
    .filter(({ word }) => word.startsWith(last));
  const { registeredArguments: all } = command;
  const argument = all[position] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (!argument) return { words, files: false };
  const values = valuesOf(argument, FILES.test(argument.name()), last);
  return { words: [...words, ...values.words], files: values.files };
}

function valuesOf({ argChoices = [] }: Argument | Option, files: boolean, last: string) {
  const fitting = argChoices.filter((word) => word.startsWith(last));
  return { words: fitting.map((word) => ({ word, summary: '' })), files };
}
