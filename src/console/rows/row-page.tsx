import { Button, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { Link, useLocation } from 'wouter';
import { hasMembers, type Json, type JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { overTimeTexts } from '../messages/over-time-texts.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { isEmptyValue } from '../parts/value-view.tsx';
import { apiUrl } from '../server/base-path.ts';
import { useMayWrite, useMe } from '../server/me.tsx';
import { StructuredView } from '../values/structured-view.tsx';
import { Cell, Value } from './cell.tsx';
import { copyRow } from './copy-rows.ts';
import { labelOfShown } from './list/units.ts';
import { listPath, overTimePath, rowPath, ruleEvaluations, systemPath } from './paths.ts';
import { referenceOf } from './references/reference-of.ts';
import {
  nameOf,
  type ResourceType,
  type RowField,
  tableOf,
  titleOf,
  withoutTwins,
} from './resource-types.ts';
import {
  accountActions,
  correctActions,
  pauseActions,
  pinActions,
  proposalActions,
  RowActions,
} from './row-actions.tsx';
import { RowUsage } from './row-usage.tsx';
import { ModelTest } from './trials/model-test.tsx';
import { ToolTrial } from './trials/tool-trial.tsx';
import { useRow } from './use-row.ts';
import { Versions } from './versions/versions.tsx';

type RowPageProps = { type: ResourceType; types: readonly ResourceType[]; id: string };

/** The page of one row, by its id or its name. */
export function RowPage({ type, id }: RowPageProps) {
  const { row, failure, isLoading, reload } = useRow(type, id);
  const title = row ? nameOf(type, row.body) : titleOf(type);
  return (
    <>
      <PageTitle title={title} table={type.table}>
        {row && <Actions {...{ type, reload }} row={row.body} />}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {!row && !failure && !isLoading && <Text size="sm">{rowTexts.notFound(type.one)}</Text>}
      {row && (
        <Stack gap="xl">
          <RowFields type={type} row={row.body} />
          <Usage {...{ type, row: row.body }} />
          {type.name === 'tools' && <ToolTrial key={String(row.body.id)} tool={row.body} />}
          {type.has_versions && <Versions {...{ type, reload }} row={row.body} />}
        </Stack>
      )}
    </>
  );
}

/** Rows whose use is counted, with what the counts are by. */
const USES = {
  models: 'model',
  tools: 'tool',
  agents: 'agent',
  workflows: 'workflow',
  prompts: 'prompt',
  skills: 'skill',
} as const;

function Usage({ type, row }: Omit<ActionsProps, 'reload'>) {
  const by = type.name in USES ? USES[type.name as keyof typeof USES] : undefined;
  return by && <RowUsage by={by} name={nameOf(type, row)} />;
}

type ActionsProps = { type: ResourceType; row: JsonObject; reload(): void };

function Actions({ type, row, reload }: ActionsProps) {
  const [, navigate] = useLocation();
  const mayWrite = useMayWrite(tableOf(type));
  const mayApply = useMayWrite('agent_systems');
  const own = [pauseActions, correctActions, pinActions, proposalActions].flatMap((of) =>
    of(type, row),
  );
  const ofAccount = accountActions(type, row, useMe());
  const id = String(row.id);
  return (
    <>
      <Button size="xs" variant="subtle" component={Link} href={listPath(type.name)}>
        {rowTexts.all(type.many)}
      </Button>
      {(type.name === 'agents' || type.name === 'workflows') && <RunLinks {...{ type, row }} />}
      {type.name === 'grading-rules' && (
        <Button size="xs" variant="default" component={Link} href={ruleEvaluations(id)}>
          {rowTexts.evaluations}
        </Button>
      )}
      <CopyAs forms={copyRow(type, id, apiUrl('/'))} />
      {mayApply && typeof row.agent_system_id === 'string' && (
        <Button size="xs" variant="default" component={Link} href={systemPath(row.agent_system_id)}>
          {rowTexts.systems.editFile}
        </Button>
      )}
      {mayWrite && type.change && (
        <Button size="xs" component={Link} href={`${rowPath(type, id)}/edit`}>
          {rowTexts.edit}
        </Button>
      )}
      {mayWrite && type.name === 'models' && <ModelTest name={nameOf(type, row)} />}
      {(mayWrite || ofAccount.length > 0) && (
        <RowActions
          {...{ type, id, reload }}
          own={[...own, ...ofAccount]}
          name={nameOf(type, row)}
          removed={() => navigate(listPath(type.name))}
          replaced={(next) => navigate(rowPath(type, next))}
        />
      )}
    </>
  );
}

/** Links from an agent or a workflow to where it runs: its runs, a chat, the playground. */
function RunLinks({ type, row }: Omit<ActionsProps, 'reload'>) {
  const mayRun = useMayWrite('executions');
  const subject = new URLSearchParams({ [type.one]: nameOf(type, row) });
  const links = [
    ...(mayRun
      ? [
          [messages.places.chat, `/chat?${subject}`],
          [messages.places.playground, `/playground?${subject}`],
        ]
      : []),
    [rowTexts.runs, `/runs?${subject}`],
    [overTimeTexts.button, overTimePath({ [`${type.one}_id`]: String(row.id) })],
  ] as const;
  return links.map(([name, path]) => (
    <Button key={path} size="xs" variant="default" component={Link} href={path ?? ''}>
      {name}
    </Button>
  ));
}

/** Characters up to which a value stands among the facts. */
const SHORT = 80;

/** All fields of a row: short ones as facts, long texts and JSON below. Empty ones are left out. */
function RowFields({ type, row }: { type: ResourceType; row: JsonObject }) {
  const fields = withoutTwins(type.fields.filter((field) => field.is_shown)).filter(
    ({ name }) =>
      name !== type.name_field && !isForPrograms(type, name) && !isEmptyValue(row[name]),
  );
  const isId = ({ name }: RowField) => name === 'id';
  const shown = [...fields.filter((one) => !isId(one)), ...fields.filter(isId)].map((field) => ({
    ...field,
    references: referenceOf(type, field, row),
  }));
  const facts = shown.filter((field) => isFact(field, row[field.name] ?? null));
  return (
    <Stack gap="lg">
      <Paper withBorder radius="md" p="md">
        <dl className="row-facts">
          {facts.map((field) => (
            <div
              key={field.name}
              title={field.description}
              data-wide={field.name === 'id' || undefined}
            >
              <dt>{labelOfShown(field)}</dt>
              <dd>
                {field.name === 'id' ? (
                  <Cell field={field} value={row.id} />
                ) : (
                  <Value field={field} value={row[field.name]} />
                )}
              </dd>
            </div>
          ))}
        </dl>
      </Paper>
      {shown
        .filter((field) => !facts.includes(field))
        .map((field) => (
          <section key={field.name}>
            <Group gap="xs" align="baseline" mb={4}>
              <Title order={2} size="h6">
                {field.label}
              </Title>
              <Text size="xs" c="dimmed">
                {field.description}
              </Text>
            </Group>
            <StructuredView value={row[field.name] ?? null} label={field.label} />
          </section>
        ))}
    </Stack>
  );
}

/** Returns whether a field says again, for other programs, what another one says for people. */
function isForPrograms({ fields }: ResourceType, name: string): boolean {
  if (name === 'current_version_id') return fields.some((one) => one.name === 'version');
  if (name === 'model') return fields.some((one) => one.name === 'models'); // the first of them
  const isSubject = name === 'runs' || name === 'grades'; // the name of the agent or workflow
  const isText = fields.some((one) => one.name === name && one.schema.type === 'string');
  return (isSubject && isText) || name.endsWith('_provider_config');
}

function isFact({ references }: RowField, value: Json): boolean {
  if (references) return true;
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string');
  if (hasMembers(value)) return false;
  return String(value).length <= SHORT && !String(value).includes('\n');
}
