import { Paper, Stack, Text, Title } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import { quoteSql } from '../parts/quote.ts';
import { ValueView } from '../parts/value-view.tsx';
import { RunsTable } from '../runs/runs-table.tsx';
import { apiUrl } from '../server/base-path.ts';
import type { RunRow } from '../server/operations.generated.ts';
import { StartForm } from './start-form.tsx';

const text = messages.home;

/** Three ways to start a first run, and the row that then appears. */
export function FirstRun({ runs }: { runs: readonly RunRow[] }) {
  const sql = `insert into howdah.executions (agent_id, input)\nvalues (howdah.agent('development'), ${quoteSql(text.example)});`;
  const curl = `curl ${apiUrl('/api/execute').href} -H 'Content-Type: application/json' \\\n  -d '{"agent": "development", "message": "${text.example}"}'`;
  return (
    <Stack gap="md" maw={960}>
      <div>
        <Title order={2} size="h4">
          {text.firstTitle}
        </Title>
        <Text size="sm">{text.firstText}</Text>
      </div>
      <div className="cards">
        <Way title={text.sql} hint={text.sqlHint}>
          <ValueView value={sql} label={text.sql} />
        </Way>
        <Way title={text.http}>
          <ValueView value={curl} label={text.http} />
        </Way>
      </div>
      <Way title={text.button}>
        <StartForm defaultInput={text.example} />
      </Way>
      <div>
        <Title order={2} size="h5" mb="xs">
          {text.appears}
        </Title>
        <Text size="sm" c="dimmed" role="status" mb="xs">
          {runs.length === 0 ? text.waitingForRun : text.runAppeared}
        </Text>
        {runs.length > 0 && (
          <Paper withBorder radius="md" className="table-frame">
            <RunsTable rows={runs.slice(0, 10)} />
          </Paper>
        )}
      </div>
    </Stack>
  );
}

type WayProps = { title: string; hint?: string; children: React.ReactNode };

function Way({ title, hint, children }: WayProps) {
  return (
    <Paper withBorder radius="md" p="md">
      <Title order={3} size="h6" mb="xs">
        {title}
      </Title>
      {children}
      {hint && (
        <Text size="xs" c="dimmed" mt="xs">
          {hint}
        </Text>
      )}
    </Paper>
  );
}
