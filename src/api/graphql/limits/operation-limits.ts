import '../environment.ts';
import {
  type DocumentNode,
  type ExecutionArgs,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type ValidationRule,
} from 'postgraphile/graphql';
import { InputMeter } from './input-measures.ts';
import { type Measures, type Measuring, measureSet } from './measure-query.ts';

type LimitOf = { most: number; what: string; fix: string };

const SPLIT = 'Split it into several operations.';
const SMALLER_FILTER = 'Use fewer conditions on related rows, or find the related rows first.';

/** The limits of an operation. Fragments and variables count as often as they are used. */
const LIMITS = {
  /** Levels of fields, without introspection. */
  depth: {
    most: 13,
    what: 'levels of fields',
    fix: 'Read the innermost rows by an operation of their own.',
  },
  /** Levels below `__schema` and `__type`, without `ofType`. graphql-js limits lists in lists. */
  introspection: {
    most: 10,
    what: 'levels of introspection',
    fix: 'Use the introspection query of graphql-js.',
  },
  fields: { most: 1_000, what: 'fields', fix: SPLIT },
  aliases: { most: 60, what: 'aliases', fix: SPLIT },
  roots: { most: 30, what: 'root fields', fix: SPLIT },
  directives: { most: 50, what: 'directives', fix: SPLIT },
  /** The rows that the operation may read, by its page sizes. Pages inside pages multiply. */
  rows: {
    most: 200_000,
    what: 'rows to read',
    fix: 'Set a smaller `first`, above all on pages inside pages.',
  },
  /** Files of up to 8 MB. A page of files keeps as many in memory as `first` says. */
  files: {
    most: 8,
    what: 'files whose bytes are read',
    fix: 'Set a smaller `first`, or leave out `bytes`.',
  },
  /**
   * Fields that lead to other rows, by weight, and fields that count rows or look for more. Each is
   * a join or a statement of its own, with the policies of its tables. Planning one takes about
   * three milliseconds of the event loop.
   */
  joins: {
    most: 60,
    what: 'tables to read',
    fix: 'Split it into several operations. Each field that leads to other rows, `totalCount` and `pageInfo` count.',
  },
  inputs: { most: 1_000, what: 'values in its arguments and variables', fix: SPLIT },
  conditions: {
    most: 100,
    what: 'conditions joined by and, or and not',
    fix: 'Use `in` instead of many conditions on one field.',
  },
  /**
   * The tables, by weight. The time and memory of the Postgres planner grow with the square of the
   * tables.
   */
  relations: { most: 20, what: 'tables in filters by related rows', fix: SMALLER_FILTER },
  relationDepth: { most: 5, what: 'levels of filters by related rows', fix: SMALLER_FILTER },
  enumLength: {
    most: 200,
    what: 'characters in a value of an enum',
    fix: 'Send a value of the enum.',
  },
} as const satisfies Record<Exclude<keyof Measures, 'pages'>, LimitOf>;

/** The limits of a document. The rules of GraphQL compare its definitions with one another. */
const DOCUMENT_LIMITS = {
  size: {
    most: 100_000,
    what: 'characters',
    fix: 'Send values as variables, and split the operation.',
  },
  definitions: {
    most: 100,
    what: 'operations and fragments',
    fix: 'Send only the operation to run, with its fragments.',
  },
  variables: {
    most: 100,
    what: 'variables',
    fix: 'Send several values as one variable of an input type.',
  },
} as const satisfies Record<string, LimitOf>;

type Limit = keyof typeof LIMITS;

/** Refuses a text before it is parsed. */
export function refuseLongText(text: string): GraphQLError | undefined {
  return text.length > DOCUMENT_LIMITS.size.most
    ? refusal('size', text.length, DOCUMENT_LIMITS.size)
    : undefined;
}

/**
 * Returns the rules with the limits before them. A document beyond a limit gets only the errors of
 * the limits, because rules such as OverlappingFieldsCanBeMerged take time in the square of its
 * size.
 */
export function limitRules(rules: readonly ValidationRule[]): ValidationRule[] {
  const found = new WeakMap<DocumentNode, GraphQLError[]>();
  const errorsOf = (document: DocumentNode, schema: GraphQLSchema) => {
    const errors = found.get(document) ?? excesses(document, schema);
    found.set(document, errors);
    return errors;
  };
  const limits: ValidationRule = (context) => {
    for (const error of errorsOf(context.getDocument(), context.getSchema())) {
      context.reportError(error);
    }
    return {};
  };
  const only = (rule: ValidationRule): ValidationRule => {
    return (context) =>
      errorsOf(context.getDocument(), context.getSchema()).length > 0 ? {} : rule(context);
  };
  return [limits, ...rules.map(only)];
}

/** Refuses an operation whose variables make it too large. Runs before coercion and planning. */
export function refuseLargeVariables(
  args: Pick<ExecutionArgs, 'schema' | 'document' | 'variableValues' | 'operationName'>,
): GraphQLError[] {
  const { schema, document, variableValues, operationName } = args;
  const count = Object.keys(variableValues ?? {}).length;
  if (count > LIMITS.inputs.most) return [refusal('inputs', count, LIMITS.inputs)];
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const operation = operations.find(
    ({ name }) => operationName == null || name?.value === operationName,
  );
  if (!operation?.variableDefinitions?.length) return [];
  return excessesOf(operation, document, schema, variableValues ?? {});
}

function excesses(document: DocumentNode, schema: GraphQLSchema): GraphQLError[] {
  const { definitions } = document;
  const variables = definitions.map((one) =>
    one.kind === Kind.OPERATION_DEFINITION ? (one.variableDefinitions?.length ?? 0) : 0,
  );
  const found = [
    ['definitions', definitions.length],
    ['variables', Math.max(0, ...variables)],
  ] as const;
  const errors = found.flatMap(([limit, count]) => {
    const bound = DOCUMENT_LIMITS[limit];
    return count > bound.most ? [refusal(limit, count, bound)] : [];
  });
  if (errors.length > 0) return errors;
  return document.definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? excessesOf(definition, document, schema) : [],
  );
}

function excessesOf(
  operation: OperationDefinitionNode,
  { definitions }: DocumentNode,
  schema: GraphQLSchema,
  variables?: Readonly<Record<string, unknown>>,
): GraphQLError[] {
  const fragments: ReadonlyMap<string, FragmentDefinitionNode> = new Map(
    definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [],
    ),
  );
  const inputMeter = new InputMeter(schema, operation.variableDefinitions, variables);
  const measuring: Measuring = { schema, fragments, known: new Map(), inputMeter };
  const root = schema.getRootType(operation.operation) ?? undefined;
  const measures = measureSet(operation.selectionSet, measuring, root);
  return (Object.keys(LIMITS) as Limit[]).flatMap((limit) => {
    const bound = LIMITS[limit];
    return measures[limit] > bound.most ? [refusal(limit, measures[limit], bound)] : [];
  });
}

function refusal(limit: string, found: number, { most, what, fix }: LimitOf): GraphQLError {
  const extensions = { code: 'HWINV', hint: fix, detail: { limit, found, most } };
  const message = `the operation has ${found} ${what}, at most ${most} are allowed`;
  return new GraphQLError(message, { extensions });
}
