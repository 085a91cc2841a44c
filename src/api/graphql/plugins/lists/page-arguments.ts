import '../../environment.ts';
import 'postgraphile';
import { PgSelectStep, type WithPgClient } from 'postgraphile/@dataplan/pg';
import {
  access,
  type ConnectionStep,
  constant,
  type FieldArgs,
  lambda,
  SafeError,
  type Step,
} from 'postgraphile/grafast';
import { MAX_ROWS, USUAL_ROWS } from '../../limits/page-sizes.ts';
import { budgetOf } from '../connections-plugin.ts';

const MAX_SKIPPED = 10_000;

const descriptions: Readonly<Record<string, string>> = {
  first: `Only read the first \`n\` values of the set, at most ${MAX_ROWS}. Without \`first\` and \`last\`: ${USUAL_ROWS}.`,
  last: `Only read the last \`n\` values of the set, at most ${MAX_ROWS}.`,
  offset: `Skip the first \`n\` values from our \`after\` cursor, at most ${MAX_SKIPPED}; beyond, go on from a cursor. May not be used with \`last\`.`,
};

type PageArgs = readonly [
  first: number | null | undefined,
  last: number | null | undefined,
  offset: number | null | undefined,
  before: unknown,
  after: unknown,
];
type Pages = Pick<ConnectionStep<Step>, 'setFirst' | 'setLast' | 'setOffset'>;
type Context = { withPgClient: WithPgClient };
type Page = { first: number | null; last: number | null; offset: number | null };

/**
 * Gives every connection a page: without a page, a table would be read as a whole. The arguments
 * are checked together, in the plan of the field, since `first` has a default only when `last` is
 * absent.
 */
export const PagesPlugin: GraphileConfig.Plugin = {
  name: 'HowdahPagesPlugin',
  version: '1.0.0',
  after: ['PgFirstLastBeforeAfterArgsPlugin'],
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, _build, { scope: { isPgFieldConnection } }) {
        const { plan } = field;
        if (!isPgFieldConnection || !plan) return field;
        return {
          ...field,
          plan($parent, args, info) {
            const $connection = plan($parent, args, info);
            setPage($connection as Pages, args);
            readByOwnStatement($connection as ConnectionStep<Step>);
            return $connection;
          },
        };
      },
      GraphQLObjectType_fields_field_args(args, build, { scope: { isPgFieldConnection } }) {
        if (!isPgFieldConnection) return args;
        for (const [name, description] of Object.entries(descriptions)) {
          const arg = args[name];
          if (!arg) continue;
          delete arg.applyPlan; // the plan of the field has done it
          arg.description = build.wrapDescription(description, 'arg');
        }
        return args;
      },
    },
  },
};

function setPage($connection: Pages, args: FieldArgs): void {
  const argSteps = ['first', 'last', 'offset', 'before', 'after'].map(
    (name) => (args.getRaw(name) as Step | undefined) ?? constant(undefined),
  );
  const $page = lambda(
    argSteps as unknown as Step<PageArgs>[],
    pageFromArguments as (args: unknown) => Page,
  );
  $connection.setFirst(access($page, 'first'));
  $connection.setLast(access($page, 'last'));
  $connection.setOffset(access($page, 'offset'));
}

/**
 * Reads the pages inside rows by one statement for all of these rows. As an array in the statement
 * of the rows, Postgres would hold each page in memory, at five times its size, and send nothing
 * before the page is complete.
 */
function readByOwnStatement($connection: ConnectionStep<Step>): void {
  const $rows = $connection.getSubplan();
  if (!($rows instanceof PgSelectStep)) return;
  $rows.setInliningForbidden();
  countCells($rows);
}

/**
 * Charges the rows of each page, with their columns, to the budget of the operation before the
 * result is made. Equal parents share a page that is read once, so pages in pages multiply without
 * reads.
 */
function countCells($rows: PgSelectStep): void {
  const { contextId, selects } = $rows as unknown as { contextId: number; selects: unknown[] };
  const execute = $rows.execute.bind($rows);
  $rows.execute = async (details) => {
    const pages = await execute(details);
    const context: Context | undefined = details.values[contextId]?.unaryValue();
    const rows = pages.reduce<number>((sum, page) => sum + rowsIn(page), 0);
    if (context) budgetOf(context.withPgClient)?.countCells(rows * (1 + selects.length));
    return pages;
  };
}

function rowsIn(page: unknown): number {
  const items = (page as { items?: unknown } | null)?.items;
  return Array.isArray(items) ? items.length : 0;
}

/**
 * Checks the arguments of a page and fills in the missing ones. Throws a SafeError that the client
 * sees.
 */
export function pageFromArguments([first, last, offset, before, after]: PageArgs): Page {
  const isBackward = last != null || (before != null && first == null);
  if (first != null && (last != null || before != null)) {
    throw invalid('`first` cannot be combined with `last` or `before`');
  }
  if (isBackward && (after != null || offset != null)) {
    throw invalid('`last` and `before` cannot be combined with `after` or `offset`');
  }
  checkBound('offset', offset, MAX_SKIPPED);
  checkBound('first', first, MAX_ROWS);
  checkBound('last', last, MAX_ROWS);
  return {
    first: isBackward ? null : (first ?? USUAL_ROWS),
    last: isBackward ? (last ?? USUAL_ROWS) : null,
    offset: offset ?? null,
  };
}

function checkBound(name: string, value: number | null | undefined, most: number): void {
  if (value == null || (value >= 0 && value <= most)) return;
  const hint = 'Read the next page by its cursor: first: …, after: pageInfo.endCursor.';
  throw invalid(`\`${name}\` is ${value}; it must be from 0 to ${most}`, {
    limit: name,
    most,
    hint,
  });
}

function invalid(
  message: string,
  { hint, ...detail }: { hint?: string; limit?: string; most?: number } = {},
): SafeError {
  const more = { ...(hint && { hint }), ...(detail.limit && { detail }) };
  return new SafeError(message, { code: 'HWINV', ...more });
}
