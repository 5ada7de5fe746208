import type { FoundSchedule, Schedule, Schedules, WantedSchedule } from '../../functions/ports/schedules.ts';

/** Rules that are remembered. */
export class FakeSchedules implements Schedules {
  readonly rules = new Map<string, WantedSchedule>();
  /** Called before each change; may throw. */
  before: (does: 'put' | 'remove', schedule: Schedule) => void = () => {};

  async list(): Promise<FoundSchedule[]> {
    return [...this.rules.values()];
  }

  async put(schedule: WantedSchedule): Promise<void> {
    this.before('put', schedule);
    this.rules.set(nameOf(schedule), schedule);
  }

  async remove(schedule: Schedule): Promise<void> {
    this.before('remove', schedule);
    this.rules.delete(nameOf(schedule));
  }

  /** `nightly full cron(…)`, sorted. */
  get texts(): string[] {
    return [...this.rules].map(([name, { cron }]) => `${name} ${cron}`).sort();
  }
}

const nameOf = ({ policy, type }: Schedule) => `${policy} ${type}`;
