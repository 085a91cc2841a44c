import '../environment.ts';
import {
  type DocumentNode,
  type ExecutionArgs,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationRule,
} from 'postgraphile/graphql';
import { addInputs, createInputMeter, type InputMeasures, noInputs } from './input-measures.ts';
import { weightOfRows } from './weights.ts';

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
} as const;

/** The limits of a document. The rules of GraphQL compare its definitions with one another. */
const DOCUMENT_LIMITS = {
  definitions: { most: 100, what: 'operations and fragments' },
  variables: { most: 100, what: 'variables' },
} as const;

type Limit = keyof typeof LIMITS;
/**
 * The measures of a selection. `pages` is 1 for the rows of a page, whose size is at the field
 * around them.
 */
type Measures = Record<Limit | 'pages', number>;
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** Fields of a connection that lead to the same rows as the connection. `pageInfo` is not one. */
const WRAPPERS = new Set(['nodes', 'edges', 'node']);
const UNWRITTEN_ROWS = 10;
const MOST_CHARACTERS = 100_000;
/** The depth at which measuring stops: a deeper operation is rejected anyway. */
const ABYSS = 100;
const nothing: Measures = {
  depth: 0,
  introspection: 0,
  fields: 0,
  aliases: 0,
  roots: 0,
  directives: 0,
  rows: 0,
  files: 0,
  joins: 0,
  pages: 0,
  ...noInputs,
};

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
export function limited(rules: readonly ValidationRule[]): ValidationRule[] {
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
  const fragments: Fragments = new Map(
    definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [],
    ),
  );
  const inputsOf = createInputMeter(schema, operation.variableDefinitions, variables);
  const measuring: Measuring = { schema, fragments, known: new Map(), inputsOf };
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

/**
 * The state of a measurement. Each fragment is measured once, so that the time is linear, however
 * often fragments are spread.
 */
type Measuring = {
  schema: GraphQLSchema;
  fragments: Fragments;
  known: Map<string, Measures>;
  inputsOf: ReturnType<typeof createInputMeter>;
};
/** The type from which a set of fields is selected; undefined where the schema has no such type. */
type Parent = GraphQLNamedType | undefined;

function measureSet(
  set: SelectionSetNode,
  measuring: Measuring,
  parent: Parent,
  level = 0,
): Measures {
  if (level > ABYSS) return { ...nothing, depth: ABYSS };
  const sum = { ...nothing };
  for (const selection of set.selections) {
    addTo(sum, measureSelection(selection, measuring, parent, level + 1));
    sum.directives += selection.directives?.length ?? 0;
  }
  return sum;
}

function measureSelection(
  selection: SelectionNode,
  measuring: Measuring,
  parent: Parent,
  level: number,
): Measures {
  switch (selection.kind) {
    case Kind.FIELD:
      return measureField(selection, measuring, parent, level);
    case Kind.INLINE_FRAGMENT: {
      const { typeCondition: type, selectionSet } = selection;
      const of = type ? measuring.schema.getType(type.name.value) : parent;
      return measureSet(selectionSet, measuring, of, level);
    }
    case Kind.FRAGMENT_SPREAD:
      return measureFragment(selection.name.value, measuring, level);
  }
}

function measureField(
  field: FieldNode,
  measuring: Measuring,
  parent: Parent,
  level: number,
): Measures {
  const name = field.name.value;
  const hasFields = isObjectType(parent) || isInterfaceType(parent);
  const definition = hasFields ? parent.getFields()[name] : undefined;
  const type = definition && getNamedType(definition.type);
  const inner = field.selectionSet
    ? measureSet(field.selectionSet, measuring, type, level)
    : nothing;
  const inputs: InputMeasures = definition ? measuring.inputsOf(field, definition) : noInputs;
  const isMeta = name.startsWith('__');
  const isPage = name === 'nodes' || name === 'edges';
  return {
    depth: isMeta ? 0 : inner.depth + (name === 'ofType' ? 0 : 1),
    introspection: isMeta ? inner.depth : inner.introspection,
    fields: inner.fields + 1,
    aliases: inner.aliases + (field.alias ? 1 : 0),
    roots: 1,
    directives: inner.directives,
    rows: inner.pages > 0 ? pageSize(field) * (1 + inner.rows) : inner.rows,
    files: (inner.pages > 0 ? pageSize(field) : 1) * inner.files + (name === 'bytes' ? 1 : 0),
    joins: isMeta ? 0 : inner.joins + joinsOf(field, type, parent),
    pages: isPage ? 1 : 0,
    ...addInputs(inner, inputs),
  };
}

/**
 * Returns the tables that a field reads. `totalCount` and `pageInfo` count 1 each, since their list
 * is counted already. The payload of a mutation reads none, and returns a row without its
 * partitions.
 */
function joinsOf(
  { name: { value: name }, selectionSet }: FieldNode,
  type: Parent,
  parent: Parent,
): number {
  if (name === 'totalCount' || name === 'pageInfo') return 1;
  if (!selectionSet || WRAPPERS.has(name) || isPayload(type)) return 0;
  return isPayload(parent) ? Math.min(1, weightOfRows(type)) : weightOfRows(type);
}

function isPayload(type: Parent): boolean {
  return isObjectType(type) && type.getFields().clientMutationId !== undefined;
}

/**
 * Returns the size of a page. A page without `first` or `last` counts as small, because most such
 * pages are not full.
 */
function pageSize({ arguments: args = [] }: FieldNode): number {
  const size = args.find(({ name }) => name.value === 'first' || name.value === 'last')?.value;
  return size?.kind === Kind.INT ? Math.max(0, Number(size.value)) : UNWRITTEN_ROWS;
}

function measureFragment(name: string, measuring: Measuring, level: number): Measures {
  const { fragments, known } = measuring;
  const measures = known.get(name);
  if (measures) return measures;
  known.set(name, nothing); // another rule rejects a cycle
  const fragment = fragments.get(name);
  const of = fragment && measuring.schema.getType(fragment.typeCondition.name.value);
  const result = fragment ? measureSet(fragment.selectionSet, measuring, of, level) : nothing;
  known.set(name, result);
  return result;
}

/** The measures of levels. Where sets stand side by side, the deepest one counts. */
const LEVELS = ['depth', 'introspection', 'relationDepth', 'enumLength', 'pages'] as const;
const SUMS = (Object.keys(nothing) as (keyof Measures)[]).filter(
  (measure) => !(LEVELS as readonly string[]).includes(measure),
);

function addTo(sum: Measures, more: Measures): void {
  for (const level of LEVELS) sum[level] = Math.max(sum[level], more[level]);
  for (const measure of SUMS) sum[measure] += more[measure];
}
