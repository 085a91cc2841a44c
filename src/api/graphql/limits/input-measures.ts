import '../environment.ts';
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  Kind,
  typeFromAST,
  type ValueNode,
  type VariableDefinitionNode,
} from 'postgraphile/graphql';
import { isJsonObject } from '../../../json/json.ts';
import { weightOf } from './weights.ts';

/** The work that the arguments of a field cause in the planner. */
export type InputMeasures = Readonly<{
  /** Fields of input objects and items of lists. A value of the type JSON is one. */
  inputs: number;
  /** Entries of `and`, `or` and `not`. */
  conditions: number;
  /**
   * Filters by another table, by weight. Each is a semi-join with the policies of all tables behind
   * it.
   */
  relations: number;
  /** Levels of such filters inside one another. */
  relationDepth: number;
  /**
   * Characters of the longest value of an enum. graphql-js compares it with the values there are.
   */
  enumLength: number;
}>;

export const noInputs: InputMeasures = {
  inputs: 0,
  conditions: 0,
  relations: 0,
  relationDepth: 0,
  enumLength: 0,
};

/** The count at which counting stops: an operation with more is rejected anyway. */
const MAX_COUNTED = 10_000;
const MAX_LEVELS = 100;

type Variables = Readonly<Record<string, unknown>>;
/** A value in the document, or as JSON. */
type Value = { node: ValueNode } | { json: unknown };
type Parts = { fields: [name: string, value: Value][] } | { items: Value[] } | undefined;

/** Measures the arguments of fields. Without `variables`, counts the literals of the document. */
export class InputMeter {
  readonly #schema: GraphQLSchema;
  readonly #definitions: readonly VariableDefinitionNode[];
  readonly #variables: Variables | undefined;
  /** The measures of variables, by name. */
  readonly #measured = new Map<string, InputMeasures>();

  constructor(
    schema: GraphQLSchema,
    definitions: readonly VariableDefinitionNode[] = [],
    variables?: Variables,
  ) {
    this.#schema = schema;
    this.#definitions = definitions;
    this.#variables = variables;
  }

  measureArguments(field: FieldNode, definition: GraphQLField<unknown, unknown>): InputMeasures {
    let sum = noInputs;
    for (const { name, value } of field.arguments ?? []) {
      const arg = definition.args.find((one) => one.name === name.value);
      if (arg) sum = addInputs(sum, this.#measure({ node: value }, arg.type, 0));
    }
    return sum;
  }

  #measure(value: Value, nullable: GraphQLInputType, level: number): InputMeasures {
    if ('node' in value && value.node.kind === Kind.VARIABLE) {
      return this.#measureVariable(value.node.name.value, level);
    }
    const type = getNullableType(nullable);
    const isList = isListType(type);
    if (isEnumType(type)) return { ...noInputs, enumLength: lengthOf(value) };
    if (!isList && !isInputObjectType(type)) return noInputs;
    const parts = partsOf(value);
    if (!parts) return isList ? this.#measure(value, type.ofType, level + 1) : noInputs;
    if (level > MAX_LEVELS) return { ...noInputs, relationDepth: MAX_LEVELS };
    if ('items' in parts) {
      return isList ? this.#measureItems(parts.items, type.ofType, level) : noInputs;
    }
    return isList
      ? this.#measure(value, type.ofType, level + 1)
      : this.#measureFields(parts.fields, type, level);
  }

  /** Measures a variable. A variable counts as often as it is used, and is measured once. */
  #measureVariable(name: string, level: number): InputMeasures {
    const measured = this.#measured.get(name);
    if (measured || !this.#variables) return measured ?? noInputs;
    const definition = this.#definitions.find(({ variable }) => variable.name.value === name);
    const type = definition && typeFromAST(this.#schema, definition.type as never);
    const supplied = Object.hasOwn(this.#variables, name)
      ? { json: this.#variables[name] }
      : undefined;
    const value = supplied ?? (definition?.defaultValue && { node: definition.defaultValue });
    const result = value && type ? this.#measure(value, type as GraphQLInputType, level) : noInputs;
    this.#measured.set(name, result);
    return result;
  }

  #measureItems(items: Value[], type: GraphQLInputType, level: number): InputMeasures {
    let sum: InputMeasures = { ...noInputs, inputs: items.length };
    if (!isNested(type)) return sum;
    for (const item of items) {
      if (sum.inputs > MAX_COUNTED) break;
      sum = addInputs(sum, this.#measure(item, type, level + 1));
    }
    return sum;
  }

  #measureFields(
    fields: [string, Value][],
    type: GraphQLInputObjectType,
    level: number,
  ): InputMeasures {
    const known = type.getFields();
    let sum: InputMeasures = { ...noInputs, inputs: fields.length };
    for (const [name, value] of fields) {
      if (sum.inputs > MAX_COUNTED) break;
      const field = Object.hasOwn(known, name) ? known[name] : undefined;
      if (!field) continue;
      const inner = this.#measure(value, field.type, level + 1);
      const weight = relationWeight(type, name);
      sum = addInputs(sum, {
        inputs: inner.inputs,
        conditions: inner.conditions + (isLogical(type, name) ? entriesIn(value) : 0),
        relations: inner.relations + weight,
        relationDepth: inner.relationDepth + (weight > 0 ? 1 : 0),
        enumLength: inner.enumLength,
      });
    }
    return sum;
  }
}

/** Adds measures. Levels side by side do not add up. */
export function addInputs(a: InputMeasures, b: InputMeasures): InputMeasures {
  return {
    inputs: a.inputs + b.inputs,
    conditions: a.conditions + b.conditions,
    relations: a.relations + b.relations,
    relationDepth: Math.max(a.relationDepth, b.relationDepth),
    enumLength: Math.max(a.enumLength, b.enumLength),
  };
}

function partsOf(value: Value): Parts {
  if ('node' in value) {
    const { node } = value;
    if (node.kind === Kind.OBJECT) {
      return { fields: node.fields.map((one) => [one.name.value, { node: one.value }]) };
    }
    return node.kind === Kind.LIST
      ? { items: node.values.map((one) => ({ node: one })) }
      : undefined;
  }
  const { json } = value;
  if (Array.isArray(json)) return { items: json.map((one) => ({ json: one })) };
  if (!isJsonObject(json)) return undefined;
  return { fields: Object.entries(json).map(([name, one]) => [name, { json: one }]) };
}

function isNested(nullable: GraphQLInputType): boolean {
  const type = getNullableType(nullable);
  return isListType(type) || isInputObjectType(type) || isEnumType(type);
}

/** Returns the length of a text, and 0 for any other value. */
function lengthOf(value: Value): number {
  if ('json' in value) return typeof value.json === 'string' ? value.json.length : 0;
  const { node } = value;
  return node.kind === Kind.ENUM || node.kind === Kind.STRING ? node.value.length : 0;
}

/**
 * Returns whether a type is the filter of a table, whose conditions `and`, `or` and `not` may join.
 */
function isTableFilter(type: GraphQLInputObjectType): boolean {
  const { not } = type.getFields();
  return not !== undefined && getNullableType(not.type) === type;
}

function isLogical(type: GraphQLInputObjectType, name: string): boolean {
  return isTableFilter(type) && ['and', 'or', 'not'].includes(name);
}

/**
 * Returns the weight of a filter by another table: `agent`, `agentExists`, and `some`, `every` and
 * `none` of a filter by many rows. Returns 0 for any other field.
 */
function relationWeight(type: GraphQLInputObjectType, name: string): number {
  const fields = type.getFields();
  const inner = getNullableType(fields[name]?.type);
  if (isLogical(type, name)) return 0;
  if (isInputObjectType(inner)) return isTableFilter(inner) ? filterWeight(inner) : 0;
  const relation = getNullableType(fields[name.replace(/Exists?$/, '')]?.type);
  return isTableFilter(type) && isInputObjectType(relation) ? filterWeight(relation) : 0;
}

/**
 * Returns the weight of the table that a filter selects from. A filter by many rows has the filter
 * of the table in `some`.
 */
function filterWeight(filter: GraphQLInputObjectType): number {
  const some = getNullableType(filter.getFields().some?.type);
  const { name } = isInputObjectType(some) ? some : filter;
  return weightOf(name.replace(/Filter$/, ''));
}

function entriesIn(value: Value): number {
  const parts = partsOf(value);
  return parts && 'items' in parts ? parts.items.length : 1;
}
