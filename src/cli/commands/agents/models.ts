import { type Command, Option } from 'commander';
import { MODEL_PURPOSES } from '../../../contracts/agents/model.ts';
import type { ModelTestError, ModelTestReport } from '../../../contracts/agents/model-test.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import type { CatalogModel } from '../../../db/access/model-catalog.ts';
import { listModelCatalog } from '../../../operations/definitions/model-catalog.ts';
import { findVendor, VENDORS } from '../../../providers/vendors.ts';
import { models } from '../../../resources/definitions/models.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { withName } from '../../nouns/list-and-show.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { type Verb, withVerbs } from '../../nouns/subcommands.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

/**
 * Registers `howdah models [list | show | create | change | delete | test | catalog]`: the models
 * that agents use, with their prices, and the known models of vendors.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [...resourceVerbs(models), TEST, CATALOG]);
}

type CatalogOptions = { vendor?: string; purpose?: (typeof MODEL_PURPOSES)[number] };

/** Verb that lists the known models of vendors with their prices. */
const CATALOG: Verb = {
  name: 'catalog',
  summary: 'list the known models of vendors, with their prices and aliases',
  register: (command, io) =>
    command
      .option('--vendor <name>', 'only models of this vendor, such as anthropic or claude')
      .addOption(
        new Option('--purpose <purpose>', 'only models for this purpose').choices(MODEL_PURPOSES),
      )
      .option(...API_OPTION)
      .action(async ({ vendor, purpose }: CatalogOptions, self: Command) => {
        const filter = { provider: vendor && vendorName(vendor), purpose };
        const items = await withBackend(io, self, {}, ({ call }) =>
          allRows((page) => call(listModelCatalog, { query: { ...filter, ...page } })),
        );
        printRows(io, { items, rows: items.map(catalogRow), empty: 'The catalogue has none.' });
      }),
};

/** Returns the name of a vendor. Throws `HWNTF` for an unknown name. */
function vendorName(word: string): string {
  const vendor = findVendor(word);
  if (vendor) return vendor.name;
  throw new HowdahError('HWNTF', `there is no vendor ${JSON.stringify(word)}`, {
    hint: `The vendors: ${VENDORS.map(({ name }) => name).join(', ')}.`,
    detail: { vendor: word },
  });
}

/** Formats a known model for the table. */
function catalogRow(model: CatalogModel) {
  const { vendor, name, purpose, context_tokens, unit_price, price_unit, aliases } = model;
  return {
    ...{ vendor, name, purpose, context_tokens },
    input: model.input_price,
    cached: model.cached_input_price,
    output: model.output_price,
    unit: unit_price === null ? null : `${unit_price} / ${price_unit}`,
    aliases: aliases.join(', '),
  };
}

/** Verb that calls a model once and prints whether it works. A model that fails exits with 1. */
const TEST: Verb = {
  name: 'test',
  summary: 'call a model with a tiny request; exit with 1 if the model fails',
  register: (command, io) => {
    withName(command, models).action(async (name: string, options: { tenant?: string }) => {
      const report = await withBackend(io, command, options, (backend) => backend.testModel(name));
      if (io.json) printJson(io, report);
      else if (report.error) printFailedTest(io, name, report.error);
      else io.out(`${name} ok: ${describeAnswer(report)}, ${describeUse(report)}`);
      for (const warning of (!io.json && report.warnings) || []) io.err(`Warning: ${warning}`);
      if (!report.ok) io.setExitCode(exitCodes.error);
    });
  },
};

function printFailedTest(io: CliIo, name: string, { code, message, hint }: ModelTestError): void {
  io.out(`${name} failed: ${code}`);
  io.err(message);
  io.err(hint);
}

function describeAnswer(report: ModelTestReport): string {
  switch (report.purpose) {
    case 'embedding':
      return `vectors of length ${report.vector_length}`;
    case 'tts':
      return `${report.audio_bytes} bytes of ${report.media_type}`;
    case 'image':
      return `${report.image_bytes} bytes of ${report.media_type}${pixelsOf(report)}`;
    case 'rerank':
      return `ranked ${(report.ranking ?? []).map(({ document, score }) => `${JSON.stringify(document)} (${score})`).join(', ')}`;
    case 'stt':
      return `heard ${JSON.stringify(report.text)}`;
    default:
      return `answered ${JSON.stringify(report.answer)}${report.tool_call ? ' and called a tool' : ''}`;
  }
}

function pixelsOf({ width, height }: ModelTestReport): string {
  return width === undefined ? '' : ` (${width} × ${height})`;
}

/** Describes what a test used, its cost without an exponent: it is far less than a cent. */
function describeUse({ seconds, cost }: ModelTestReport): string {
  const price = cost === undefined ? '' : `, ${cost.toFixed(9).replace(/\.?0+$/, '')} USD`;
  return `${seconds} s${price}`;
}
