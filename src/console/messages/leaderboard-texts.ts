import { englishLeaderboard } from './english/english-leaderboard.ts';
import { inLanguage } from './messages.ts';

/** The texts of leaderboards. */
export const leaderboardTexts = inLanguage({ en: englishLeaderboard });
