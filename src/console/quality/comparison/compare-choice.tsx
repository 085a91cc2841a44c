import { Button, Menu } from '@mantine/core';
import { ChevronDown } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { formatAgo } from '../../messages/format.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { type EvaluationRow, otherEvaluations } from '../../server/operations.generated.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { comparisonPage, nameOfEvaluation } from '../quality-rows.ts';

const text = qualityTexts.compare;

/** The menu of the evaluations of the same data set. The one before is A of the comparison. */
export function CompareChoice({ row }: { row: Pick<EvaluationRow, 'id' | 'dataset'> }) {
  const [, navigate] = useLocation();
  const [isOpen, setOpen] = useState(false);
  const dataset = row.dataset?.id;
  const { data } = useAnswer(
    otherEvaluations,
    isOpen && dataset !== undefined ? { dataset } : undefined,
  );
  const others = data?.evaluations?.nodes.flatMap((one) =>
    one === null || one.id === row.id ? [] : [one],
  );
  const [now] = useState(Date.now);
  const open = (other: string) =>
    navigate(other < row.id ? comparisonPage(other, row.id) : comparisonPage(row.id, other));
  return (
    <Menu position="bottom-end" withinPortal shadow="md" opened={isOpen} onChange={setOpen}>
      <Menu.Target>
        <Button variant="default" size="xs" rightSection={<ChevronDown size={14} aria-hidden />}>
          {text.with}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className="compare-choice">
        {others?.map((one) => (
          <Menu.Item key={one.id} onClick={() => open(one.id)}>
            {nameOfEvaluation(one)}, {formatAgo(one.createdAt, now)}
          </Menu.Item>
        ))}
        {others?.length === 0 && <Menu.Label>{text.noOthers}</Menu.Label>}
      </Menu.Dropdown>
    </Menu>
  );
}
