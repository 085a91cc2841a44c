import '../../environment.ts';
import 'postgraphile';
import { PgCondition, sqlValueWithCodec, TYPES } from 'postgraphile/@dataplan/pg';
import { type SQL, sql } from 'postgraphile/pg-sql2';
import type { ExecutionStatus } from '../../../../contracts/runs/step.ts';
import { impliedByStatuses, metadataContains } from '../../../../db/queries/run-search.ts';
import { isJsonObject } from '../../../../json/json.ts';

/** Adds the conditions of a field of a filter, as Grafast calls it. */
type Apply = (target: Target, value: unknown, ...rest: unknown[]) => unknown;
type Target = ConstructorParameters<typeof PgCondition>[0];
type Operators = Readonly<Record<string, unknown>>;

/** The operators of metadata that the tags of runs serve. */
const METADATA_OPERATORS = ['contains', 'equalTo'];

/**
 * Gives filters of runs conditions that an index serves (run-search.ts). `condition` compares a
 * column with a value, `filter` with the values of operators.
 */
export const RunSearchPlugin: GraphileConfig.Plugin = {
  name: 'HowdahRunSearchPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLInputObjectType_fields(fields, _build, { scope }) {
        const codecs = scope.pgConnectionFilterOperators?.pgCodecs ?? [];
        if (!codecs.some((codec) => codec === TYPES.jsonb)) return fields;
        const served = Object.entries(fields).filter(([name]) => METADATA_OPERATORS.includes(name));
        return Object.fromEntries(served);
      },
      GraphQLInputObjectType_fields_field(field, build, { scope }) {
        const { apply } = field as { apply?: Apply };
        const runs = build.input.pgRegistry.pgResources.executions?.codec;
        if (!apply || !runs || scope.pgCodec !== runs) return field;
        if (scope.isPgConnectionConditionInputField) {
          return { ...field, apply: withEquality(String(scope.fieldName), apply) };
        }
        if (scope.isPgConnectionFilterField) {
          return { ...field, apply: withOperators(String(scope.fieldName), apply) };
        }
        return field;
      },
    },
  },
};

function withEquality(name: string, apply: Apply): Apply {
  return (target, value, ...rest) => {
    if (name !== 'metadata' || value === null) {
      add(target, value == null ? [] : implied(name, target.alias, [value]));
      return apply(target, value, ...rest);
    }
    add(target, equals(target.alias, value));
    return undefined;
  };
}

function withOperators(name: string, apply: Apply): Apply {
  return (target, value, ...rest) => {
    const operators = (value ?? {}) as Operators;
    const result = apply(target, value, ...rest); // checks the value
    if (name === 'metadata' && Object.values(operators).every((operand) => operand !== null)) {
      if (operators.contains !== undefined) add(target, contains(target.alias, operators.contains));
      if (operators.equalTo !== undefined) add(target, equals(target.alias, operators.equalTo));
      return undefined;
    }
    const values = operators.in ?? [operators.equalTo ?? operators.notDistinctFrom];
    if (Array.isArray(values) && values.every((operand) => operand != null)) {
      add(target, implied(name, target.alias, values));
    }
    return result;
  };
}

/** A condition of its own each, so that `or` and `not` keep them together. */
function add(target: Target, conditions: readonly SQL[]): void {
  if (conditions.length === 0) return;
  new PgCondition(target).where(sql`(${sql.join([...conditions], ' and ')})`);
}

/** Returns conditions that are true for all runs with one of these values in a column. */
function implied(name: string, alias: SQL, values: readonly unknown[]): SQL[] {
  switch (name) {
    case 'status':
      return impliedByStatuses(values as ExecutionStatus[]).map((text) => overAlias(text, alias));
    case 'waitingFor':
      return [sql`${alias}.completed_at is null`];
    case 'rootExecutionId': {
      const ids = sql`any (array[${sql.join(values.map(uuid), ', ')}])`;
      const isBelow = sql`${alias}.parent_execution_id is not null`;
      return [sql`(${alias}.id = ${ids} or (${alias}.root_execution_id = ${ids} and ${isBelow}))`];
    }
    default:
      return [];
  }
}

function contains(alias: SQL, value: unknown): SQL[] {
  if (!isJsonObject(value)) return [sql`false`]; // metadata is an object
  return metadataContains(value).map((text) => overAlias(text, alias, value));
}

function equals(alias: SQL, value: unknown): SQL[] {
  const isEqual = sql`case when ${alias}.metadata = ${jsonb(value)} then true else false end`;
  return [isEqual, ...contains(alias, value)];
}

const uuid = (value: unknown) => sql`${sqlValueWithCodec(value, TYPES.uuid)}`;
const jsonb = (value: unknown) => sql`${sqlValueWithCodec(value, TYPES.jsonb)}`;

/** Returns a condition over `t` as one over an alias, with the JSON value in place of each `?`. */
function overAlias(text: string, alias: SQL, value?: unknown): SQL {
  const parts = text.split(/\bt(?=\.)|\?::jsonb/g);
  const separators = text.match(/\bt(?=\.)|\?::jsonb/g) ?? [];
  const pieces = parts.flatMap((part, index) => {
    const separator = separators[index];
    if (separator === undefined) return [ownText(part)];
    return [ownText(part), separator === 't' ? alias : jsonb(value)];
  });
  return sql.join(pieces, '');
}

/** Returns a text of run-search.ts as SQL. `sql.raw` would print a warning with a stack trace. */
export function ownText(text: string): SQL {
  return sql(Object.assign([text], { raw: [text] }));
}
