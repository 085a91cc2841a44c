import {
  Bot,
  CircleAlert,
  CircleHelp,
  Clock,
  CornerDownRight,
  GitFork,
  type LucideIcon,
  MessageSquare,
  RotateCw,
  ShieldAlert,
  Sparkles,
  Wrench,
} from 'lucide-react';
import type { StepKind } from '../server/operations.generated.ts';

const ICONS: Readonly<Record<StepKind | 'run', LucideIcon>> = {
  run: Bot,
  model: Sparkles,
  tool: Wrench,
  tool_started: Wrench,
  child: CornerDownRight,
  child_started: CornerDownRight,
  question: CircleHelp,
  answer: MessageSquare,
  input: MessageSquare,
  output: MessageSquare,
  handoff: CornerDownRight,
  timer: Clock,
  guard: ShieldAlert,
  retry: RotateCw,
  fork: GitFork,
  error: CircleAlert,
};

/** The sign of a kind of step. The word stands beside it. */
export function StepIcon({ kind, isFailed }: { kind: StepKind | 'run'; isFailed: boolean }) {
  const Icon = isFailed ? CircleAlert : ICONS[kind];
  return (
    <Icon size={14} aria-hidden className="step-icon" data-kind={isFailed ? 'failed' : kind} />
  );
}
