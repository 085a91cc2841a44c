import { Anchor, Badge, Group, Stack, Text } from '@mantine/core';
import { Link } from 'wouter';
import { formatCount } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { systemTexts } from '../messages/system-texts.ts';
import { Moment } from '../parts/moment.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { useRest } from '../server/rest.ts';
import type { AlertRule, Violation } from './answers.ts';
import { BatchJobs } from './batch-jobs.tsx';
import { copyFunction } from './copy-function.ts';
import { type Column, PlainTable } from './plain-table.tsx';
import { RefreshButton } from './refresh-button.tsx';
import { useIsAdmin, useMayRead } from './rights.ts';
import { Section } from './section.tsx';

const text = systemTexts.health;
const { columns: names } = text;

/** Alerts, broken promises and batch jobs: what should be empty. */
export function HealthPage() {
  const mayReadAlerts = useMayRead('alert_rules');
  const isAdmin = useIsAdmin();
  const alerts = useRest<{ data: AlertRule[] }>(
    mayReadAlerts ? '/api/alert-rules?limit=200' : undefined,
  );
  const violations = useRest<{ data: Violation[] }>(isAdmin ? '/api/violations' : undefined);
  const jobs = useRest<Parameters<typeof BatchJobs>[0]['answer']>('/api/batch-jobs');
  const reload = () => {
    for (const one of [alerts, violations, jobs]) one.reload();
  };
  return (
    <>
      <PageTitle title={text.title}>
        <RefreshButton reload={reload} />
      </PageTitle>
      <Stack gap="xl">
        {mayReadAlerts && (
          <Section
            title={text.alerts}
            table="howdah.alert_rules"
            forms={ALERT_FORMS}
            loaded={alerts}
            action={
              <Anchor component={Link} href="/system/alert-rules" size="sm">
                {text.allAlerts}
              </Anchor>
            }
          >
            {alerts.data && <Alerts rules={alerts.data.body.data} />}
          </Section>
        )}
        {isAdmin && (
          <Section
            title={text.violations}
            table="howdah.check_runs()"
            hint={text.violationsHint}
            forms={VIOLATION_FORMS}
            loaded={violations}
          >
            {violations.data && <Violations found={violations.data.body.data} />}
          </Section>
        )}
        <Section
          title={text.jobs}
          table="howdah.tenant_batch_jobs()"
          hint={text.jobsHint}
          forms={JOB_FORMS}
          loaded={jobs}
        >
          {jobs.data && <BatchJobs answer={jobs.data.body} reload={jobs.reload} />}
        </Section>
      </Stack>
    </>
  );
}

const ALERT_FORMS = copyFunction({
  sql: `select name, state, found_rows, changed_at, last_error\nfrom howdah.alert_rules\nwhere state in ('firing', 'failed');`,
  graphql: 'alertRules { nodes { name state foundRows changedAt lastError } }',
  ...{ path: '/api/alert-rules?state=firing', command: 'admin alerts list' },
});
const VIOLATION_FORMS = copyFunction({
  sql: 'select * from howdah.check_runs();',
  graphql: 'checkRuns { nodes { rule executionId detail } }',
  ...{ path: '/api/violations', command: 'admin violations' },
});
const JOB_FORMS = copyFunction({
  sql: 'select * from howdah.tenant_batch_jobs();',
  graphql: 'tenantBatchJobs { nodes { name isPaused waiting later failing lastError } }',
  ...{ path: '/api/batch-jobs', command: 'admin jobs list' },
});

const ALERT_COLUMNS: readonly Column<AlertRule>[] = [
  {
    name: names.rule,
    show: ({ id, name, description }) => (
      <>
        <Anchor component={Link} href={`/system/alert-rules/${id}`} size="sm">
          {name}
        </Anchor>
        <Text size="xs" c="dimmed">
          {description}
        </Text>
      </>
    ),
  },
  {
    name: names.state,
    show: ({ state }) => (
      <Badge
        color={state === 'firing' ? 'red' : 'orange'}
        variant="light"
        size="sm"
        miw="max-content"
      >
        {state}
      </Badge>
    ),
    place: 'side',
  },
  {
    name: names.found,
    show: ({ found_rows, last_error }) =>
      last_error ?? (found_rows === null ? '' : text.foundRows(formatCount(found_rows))),
  },
  {
    name: names.since,
    show: ({ changed_at }) => changed_at && <Moment at={changed_at} />,
  },
];

function Alerts({ rules }: { rules: readonly AlertRule[] }) {
  const bad = rules.filter(({ state }) => state === 'firing' || state === 'failed');
  if (bad.length === 0) return <AllWell>{text.noAlerts}</AllWell>;
  return (
    <PlainTable label={text.alerts} columns={ALERT_COLUMNS} rows={bad} keyOf={({ id }) => id} />
  );
}

const VIOLATION_COLUMNS: readonly Column<Violation>[] = [
  { name: names.rule, show: ({ rule }) => rule },
  {
    name: names.run,
    show: ({ execution_id }) =>
      execution_id ? (
        <Anchor component={Link} href={`/runs/${execution_id}`} size="sm">
          …{execution_id.slice(-12)}
        </Anchor>
      ) : (
        messages.common.none
      ),
  },
  { name: names.detail, show: ({ detail }) => detail },
];

function Violations({ found }: { found: readonly Violation[] }) {
  if (found.length === 0) return <AllWell>{text.noViolations}</AllWell>;
  return (
    <PlainTable
      label={text.violations}
      columns={VIOLATION_COLUMNS}
      rows={found}
      keyOf={({ rule, execution_id, detail }) => `${rule} ${execution_id} ${detail}`}
    />
  );
}

/** The sentence of a list that is empty as it should be. */
function AllWell({ children }: { children: string }) {
  return (
    <Group gap={8}>
      <span className="dot" data-status="completed" aria-hidden="true" />
      <Text size="sm">{children}</Text>
    </Group>
  );
}
