/** How big and how bad a simulated world is. */

import type { Schedules } from './fleet-plan.ts';

export interface Scenario {
  readonly seed: number;
  readonly hosts: number;
  readonly days: number;
  /** Midnight UTC of the first day. */
  readonly start: string;
  readonly schedules: Schedules;
  /** Changes of the fleet file. */
  readonly changes: number;
  /** Minutes between two audits. */
  readonly auditEvery: number;
  readonly rates: Rates;
}

/** Probabilities, each of its own kind of event. */
export interface Rates {
  /** Of runs that go wrong, alone or in spells. */
  readonly trouble: number;
  /** Of events that are lost; that come twice; that come hours late, so that others overtake them. */
  readonly lost: number;
  readonly doubled: number;
  readonly delayed: number;
  /** Of invocations that die at some call. */
  readonly dead: number;
  /** Of publications that the notifier refuses, or takes over without saying so. */
  readonly refused: number;
  readonly unheard: number;
  /** Of firings that never come to dispatch; that come twice. */
  readonly unfired: number;
  readonly firedTwice: number;
  /** Of days on which a function is dead: audit, dispatch, complete. */
  readonly outage: number;
  /** Of host days with a run that nobody asked for, or that an operator asked for by hand. */
  readonly manual: number;
}

export const BAD_TIMES: Rates = {
  trouble: 0.04,
  lost: 0.03,
  doubled: 0.05,
  delayed: 0.03,
  dead: 0.01,
  refused: 0.05,
  unheard: 0.03,
  unfired: 0.02,
  firedTwice: 0.05,
  outage: 0.03,
  manual: 0.002,
};

/** Times at which nothing of the stack itself goes wrong. */
export const GOOD_TIMES: Rates = {
  trouble: 0.04,
  ...{
    lost: 0,
    doubled: 0,
    delayed: 0,
    dead: 0,
    refused: 0,
    unheard: 0,
    unfired: 0,
    firedTwice: 0,
    outage: 0,
    manual: 0,
  },
};
