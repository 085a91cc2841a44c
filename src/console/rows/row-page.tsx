import { Button, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { Link, useLocation } from 'wouter';
import { hasMembers, type Json, type JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { overTimeTexts } from '../messages/over-time-texts.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { isEmptyValue, ValueView } from '../parts/value-view.tsx';
import { apiUrl } from '../server/base-path.ts';
import { useMayWrite, useMe } from '../server/me.tsx';
import { Cell, Value } from './cell.tsx';
import { copyRow } from './copy-rows.ts';
import { listPath, overTimePath, rowPath, ruleEvaluations, systemPath } from './paths.ts';
import { type ResourceType, type RowField, tableOf, withoutTwins } from './resource-types.ts';
import { accountActions, pinActions, proposalActions, RowActions } from './row-actions.tsx';
import { RowUsage } from './row-usage.tsx';
import { titleOf } from './rows-page.tsx';
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
          {type.name === 'models' && <RowUsage by="model" name={nameOf(type, row.body)} />}
          {type.name === 'tools' && <RowUsage by="tool" name={nameOf(type, row.body)} />}
          {type.name === 'tools' && <ToolTrial key={String(row.body.id)} tool={row.body} />}
          {type.has_versions && <Versions {...{ type, reload }} row={row.body} />}
        </Stack>
      )}
    </>
  );
}

/** Returns how people name a row. */
export function nameOf({ name_field, one }: ResourceType, row: JsonObject): string {
  const name = String(row[name_field] ?? '');
  return name_field === 'id' ? `${one} …${name.slice(-12)}` : name;
}

type ActionsProps = { type: ResourceType; row: JsonObject; reload(): void };

function Actions({ type, row, reload }: ActionsProps) {
  const [, navigate] = useLocation();
  const mayWrite = useMayWrite(tableOf(type));
  const mayApply = useMayWrite('agent_systems');
  const own = [...pinActions(type, row), ...proposalActions(type, row)];
  const ofAccount = accountActions(type, row, useMe());
  const id = String(row.id);
  return (
    <>
      <Button size="xs" variant="subtle" component={Link} href={listPath(type.name)}>
        {rowTexts.all(type.many)}
      </Button>
      {(type.name === 'agents' || type.name === 'workflows') && (
        <>
          <Button
            size="xs"
            variant="default"
            component={Link}
            href={`/runs?${type.one}=${encodeURIComponent(nameOf(type, row))}`}
          >
            {rowTexts.runs}
          </Button>
          <Button
            size="xs"
            variant="default"
            component={Link}
            href={overTimePath({ [`${type.one}_id`]: id })}
          >
            {overTimeTexts.button}
          </Button>
        </>
      )}
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
        />
      )}
    </>
  );
}

/** Characters up to which a value stands among the facts. */
const SHORT = 80;

/** All fields of a row: short ones as facts, long texts and JSON below. Empty ones are left out. */
function RowFields({ type, row }: { type: ResourceType; row: JsonObject }) {
  const shown = withoutTwins(type.fields.filter((field) => field.is_shown)).filter(
    ({ name }) => name !== type.name_field && !isEmptyValue(row[name]),
  );
  const facts = shown.filter((field) => isFact(field, row[field.name] ?? null));
  return (
    <Stack gap="lg">
      <Paper withBorder radius="md" p="md">
        <dl className="row-facts">
          {facts.map((field) => (
            <div key={field.name} title={field.description}>
              <dt>{field.label}</dt>
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
            <ValueView value={row[field.name] ?? null} label={field.label} />
          </section>
        ))}
    </Stack>
  );
}

function isFact({ references }: RowField, value: Json): boolean {
  if (references) return true;
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string');
  if (hasMembers(value)) return false;
  return String(value).length <= SHORT && !String(value).includes('\n');
}
