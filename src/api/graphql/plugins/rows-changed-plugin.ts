import '../environment.ts';
import 'postgraphile';
import type { PgCodec, PgUpdateSingleStep } from 'postgraphile/@dataplan/pg';
import {
  type FieldArgs,
  lambda,
  type ObjectStep,
  object,
  SafeError,
  type Step,
  sideEffect,
} from 'postgraphile/grafast';
import { missingRow } from '../mask-errors.ts';

/**
 * Refuses what PostGraphile answers with null. An update of a missing row is refused with `HWNTF`,
 * as a delete is. An invalid Relay id, or one of another type, is refused with `HWINV` before the
 * database is queried.
 */
export const RowsChangedPlugin: GraphileConfig.Plugin = {
  name: 'HowdahRowsChangedPlugin',
  version: '1.0.0',
  after: ['PgMutationUpdateDeletePlugin', 'NodeAccessorPlugin'],
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, build, context) {
        const scope = context.scope as Scope;
        const { plan } = field;
        const typeName = nodeIdType(scope, build);
        if (!plan || (typeName === undefined && !scope.isPgUpdateMutation)) return field;
        const idField = build.inflection.nodeIdFieldName();
        const check = typeName === undefined ? undefined : checkOf(build, typeName);
        return {
          ...field,
          plan($parent, args, info) {
            const checkedArgs = check ? withCheckedId(args, idField, check) : args;
            const $planned = plan($parent, checkedArgs, info);
            const rows = scope.isPgUpdateMutation && scope.pgFieldResource;
            return rows ? requireRow($planned as ObjectStep, rows.name) : $planned;
          },
        };
      },
    },
  },
};

type Scope = {
  fieldBehaviorScope?: string;
  isPgUpdateMutation?: boolean;
  pgFieldResource?: { name: string; codec: PgCodec };
  /** The type behind a field such as `agentByNodeId`. */
  nodeAccessorTypeName?: string;
};

/**
 * Returns the type of the row that a field finds by its Relay id, or undefined for other fields.
 */
function nodeIdType(scope: Scope, build: GraphileBuild.Build): string | undefined {
  if (!scope.fieldBehaviorScope?.startsWith('nodeId:')) return scope.nodeAccessorTypeName;
  const rows = scope.pgFieldResource;
  return rows && build.inflection.tableType(rows.codec);
}

type Check = (nodeId: string) => string;

function checkOf(build: GraphileBuild.Build, typeName: string): Check | undefined {
  const handler = build.getNodeIdHandler?.(typeName);
  const keys = keyColumnCount(build, typeName);
  if (!handler || keys === undefined) return undefined;
  return (nodeId) => {
    const specifier = tryDecode(() => handler.codec.decode(nodeId));
    const isWhole = Array.isArray(specifier) && specifier.length === keys + 1;
    if (isWhole && !specifier.includes(null) && handler.match(specifier)) return nodeId;
    throw new SafeError(`the value is not a nodeId of ${typeName}`, {
      code: 'HWINV',
      hint: `Pass a nodeId of ${typeName} from an earlier answer, or pass a uuid to the field without ByNodeId.`,
    });
  };
}

/** Returns the number of key columns of a type; its Relay id contains each of them. */
function keyColumnCount(build: GraphileBuild.Build, typeName: string): number | undefined {
  const rows = Object.values(build.pgResources).find(
    ({ codec, parameters }) =>
      !parameters && codec.attributes && build.inflection.tableType(codec as never) === typeName,
  );
  return rows?.uniques.find(({ isPrimary }) => isPrimary)?.attributes.length;
}

function tryDecode(decode: () => unknown): unknown {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** Wraps the arguments so that an invalid Relay id is an error. */
function withCheckedId(args: FieldArgs, idField: string, check: Check): FieldArgs {
  return new Proxy(args, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      if (key !== 'getRaw') return typeof value === 'function' ? value.bind(target) : value;
      return (path?: string | readonly (string | number)[]) => {
        const $raw = target.getRaw(path as never) as Step<string>;
        const isId = (Array.isArray(path) ? path.at(-1) : path) === idField;
        return isId ? lambda($raw, check) : $raw;
      };
    },
  });
}

/** Makes an update fail when it found no row. */
function requireRow($planned: ObjectStep, table: string): Step {
  const $row = $planned.getStepForKey('result') as PgUpdateSingleStep;
  sideEffect($row as Step, (row) => {
    if (row == null) {
      const { message, extensions } = missingRow(table);
      throw new SafeError(message, extensions);
    }
  });
  return object({ result: $row });
}
