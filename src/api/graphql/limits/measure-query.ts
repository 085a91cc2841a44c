import '../environment.ts';
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'postgraphile/graphql';
import { addInputs, type InputMeasures, type InputMeter, noInputs } from './input-measures.ts';
import { ROOT_WEIGHTS, weightOfRows } from './weights.ts';

/**
 * The measures of a selection. `pages` is 1 for the rows of a page, whose size is at the field
 * around them.
 */
export type Measures = {
  depth: number;
  introspection: number;
  fields: number;
  aliases: number;
  roots: number;
  directives: number;
  rows: number;
  files: number;
  joins: number;
  pages: number;
} & { -readonly [Name in keyof InputMeasures]: number };
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The type and the field of the contents of files. Other fields of the type are digests. */
const FILE = { type: 'Base64EncodedBinary', field: 'bytes' };
const DEFAULT_ROWS = 10;
/** The depth at which measuring stops: a deeper operation is rejected anyway. */
const MAX_LEVELS = 100;
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

/**
 * The state of a measurement. Each fragment is measured once, so that the time is linear, however
 * often fragments are spread.
 */
export type Measuring = {
  schema: GraphQLSchema;
  fragments: Fragments;
  known: Map<string, Measures>;
  inputMeter: InputMeter;
};
/** The type from which a set of fields is selected; undefined where the schema has no such type. */
type Parent = GraphQLNamedType | undefined;

/** Measures a set of fields, with everything below. */
export function measureSet(
  set: SelectionSetNode,
  measuring: Measuring,
  parent: Parent,
  level = 0,
): Measures {
  if (level > MAX_LEVELS) return { ...nothing, depth: MAX_LEVELS };
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
  const inputs: InputMeasures = definition
    ? measuring.inputMeter.measureArguments(field, definition)
    : noInputs;
  const isMeta = name.startsWith('__');
  const isPage = isConnection(parent)
    ? name === 'nodes' || name === 'edges'
    : isGathered(definition, parent);
  const isFile = type?.name === FILE.type && name === FILE.field;
  return {
    depth: isMeta ? 0 : inner.depth + (name === 'ofType' ? 0 : 1),
    introspection: isMeta ? inner.depth : inner.introspection,
    fields: inner.fields + 1,
    aliases: inner.aliases + (field.alias ? 1 : 0),
    roots: 1,
    directives: inner.directives,
    rows: inner.pages > 0 ? pageSize(field) * (1 + inner.rows) : inner.rows,
    files: (inner.pages > 0 ? pageSize(field) : 1) * inner.files + (isFile ? 1 : 0),
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
  if (isConnection(parent) && (name === 'totalCount' || name === 'pageInfo')) return 1;
  if (parent?.name === 'Query' && ROOT_WEIGHTS[name] !== undefined) return ROOT_WEIGHTS[name];
  if (!selectionSet || isWrapper(name, parent) || isPayload(type)) return 0;
  return isPayload(parent) ? Math.min(1, weightOfRows(type)) : weightOfRows(type);
}

/** Returns whether a field leads to the same rows as the connection that it belongs to. */
function isWrapper(name: string, parent: Parent): boolean {
  if (isConnection(parent)) return name === 'nodes' || name === 'edges';
  return name === 'node' && isObjectType(parent) && parent.getFields().cursor !== undefined;
}

function isConnection(type: Parent): boolean {
  return isObjectType(type) && type.getFields().pageInfo !== undefined;
}

/** Returns whether a field leads to the rows of an event of a list, which are up to `first`. */
function isGathered(field: GraphQLField<unknown, unknown> | undefined, parent: Parent): boolean {
  if (!field || !isObjectType(parent) || parent.getFields().removedIds === undefined) return false;
  return isListType(getNullableType(field.type)) && isObjectType(getNamedType(field.type));
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
  return size?.kind === Kind.INT ? Math.max(0, Number(size.value)) : DEFAULT_ROWS;
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
