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

/** The limits of an operation. Fragments and variables count as often as they are used. */
const LIMITS = {
  /** Levels of fields, without introspection. */
  depth: { most: 13, what: 'levels' },
  /** Levels below `__schema` and `__type`, without `ofType`. graphql-js limits lists in lists. */
  introspection: { most: 10, what: 'levels of introspection' },
  fields: { most: 1_000, what: 'fields' },
  aliases: { most: 60, what: 'aliases' },
  roots: { most: 30, what: 'fields at its top' },
  directives: { most: 50, what: 'directives' },
  /** The rows that the operation may read, by its page sizes. Pages inside pages multiply. */
  rows: { most: 200_000, what: 'rows to read' },
  /** Files of up to 8 MB. A page of files keeps as many in memory as `first` says. */
  files: { most: 8, what: 'bytes of files to read' },
  /**
   * Fields that lead to other rows, by weight, and fields that count rows or look for more. Each is
   * a join or a statement of its own, with the policies of its tables. Planning one takes about
   * three milliseconds of the event loop.
   */
  joins: {
    most: 60,
    what: 'tables behind fields that lead to other rows, count them or look for more',
  },
  inputs: { most: 1_000, what: 'values in its arguments and variables' },
  conditions: { most: 100, what: 'conditions joined by and, or and not' },
  /**
   * The tables, by weight. The time and memory of the Postgres planner grow with the square of the
   * tables.
   */
  relations: { most: 20, what: 'tables behind filters by a relation' },
  relationDepth: { most: 5, what: 'levels of filters by a relation' },
  enumLength: { most: 200, what: 'characters in a value of an enum' },
} as const satisfies Record<Exclude<keyof Measures, 'pages'>, object>;

/** The limits of a document. The rules of GraphQL compare its definitions with one another. */
const DOCUMENT_LIMITS = {
  definitions: { most: 100, what: 'operations and fragments' },
  variables: { most: 100, what: 'variables' },
} as const;

type Limit = keyof typeof LIMITS;
const MOST_CHARACTERS = 100_000;

/** Refuses a text before it is parsed. */
export function refuseLongText(text: string): GraphQLError | undefined {
  if (text.length <= MOST_CHARACTERS) return undefined;
  return refusal('size', text.length, MOST_CHARACTERS, 'characters');
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
  if (Object.keys(variableValues ?? {}).length > LIMITS.inputs.most) {
    const { most, what } = LIMITS.inputs;
    return [refusal('inputs', Object.keys(variableValues ?? {}).length, most, what)];
  }
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
    const { most, what } = DOCUMENT_LIMITS[limit];
    return count > most ? [refusal(limit, count, most, what)] : [];
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
    const { most, what } = LIMITS[limit];
    return measures[limit] > most ? [refusal(limit, measures[limit], most, what)] : [];
  });
}

function refusal(limit: string, found: number, most: number, what: string): GraphQLError {
  const extensions = { code: 'HWINV', detail: { limit, found, most } };
  const message = `the operation has ${found} ${what}, at most ${most} are allowed`;
  return new GraphQLError(message, { extensions });
}
