import { Type } from 'typebox';
import { MallardError } from '../../data/errors.ts';
import { admins, operators, readers } from '../access/roles.ts';
import type { Routes } from '../context.ts';
import { claimRun, failDeadRuns, finishRun, lastScheduled, listRuns, recordRun } from '../job-runs.ts';
import { Count, parseOptionalTime, parseTime, Time } from '../schemas.ts';

const Nullable = Type.Union([Type.String(), Type.Null()]);

const JobRun = Type.Object({
  job_run_id: Type.String(),
  job: Type.String(),
  scheduled_for: Nullable,
  status: Type.Union([
    Type.Literal('running'),
    Type.Literal('succeeded'),
    Type.Literal('failed'),
    Type.Literal('skipped'),
    Type.Literal('missed'),
  ]),
  started_at: Type.String(),
  ended_at: Nullable,
  duration_ms: Type.Union([Type.Number(), Type.Null()]),
  error: Nullable,
  result: Type.Unknown(),
});

const JobParams = Type.Object({ job: Type.String({ pattern: '^[a-z][a-z0-9_:.-]*$', maxLength: 100 }) });
const RunParams = Type.Object({ id: Type.String() });

/** `start`, `finish`, `missed` and `boot` are for the workers and the scheduler: they keep job_runs themselves. */
export const jobRoutes: Routes = (app, { mallard, triggerJob }) => {
  const { warehouse } = mallard;

  app.get(
    '/v1/jobs/runs',
    {
      schema: {
        tags: ['operation'],
        summary: 'What jobs did, newest first',
        querystring: Type.Object({
          job: Type.Optional(Type.String()),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
        }),
        response: { 200: Type.Object({ runs: Type.Array(JobRun) }) },
      },
      config: { access: readers },
    },
    async (request) => ({
      runs: await listRuns(warehouse, { job: request.query.job, limit: request.query.limit ?? 50 }),
    }),
  );

  app.post(
    '/v1/jobs/:job/run',
    {
      schema: {
        tags: ['operation'],
        summary: 'Run a job of the timetable now',
        params: JobParams,
        response: { 202: Type.Object({ job: Type.String() }) },
      },
      config: { access: operators },
    },
    async (request, reply) => {
      if (!triggerJob)
        throw new MallardError('conflict', 'No scheduler runs in this process.', {
          remedy: 'Start one with `mallard serve`.',
        });
      await triggerJob(request.params.job);
      return reply.code(202).send({ job: request.params.job });
    },
  );

  app.post(
    '/v1/jobs/:job/start',
    {
      schema: {
        tags: ['operation'],
        summary: 'Claim a run',
        description: 'Answers `skipped`, and logs it, where the job is running already.',
        params: JobParams,
        body: Type.Object(
          { scheduled_for: Type.Optional(Time('when it was due')) },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            status: Type.Union([Type.Literal('started'), Type.Literal('skipped')]),
            job_run_id: Type.Optional(Type.String()),
            running_job_run_id: Type.Optional(Type.String()),
          }),
        },
      },
      config: { access: admins, audit: false },
    },
    (request) => {
      const { scheduled_for } = request.body;
      return claimRun(warehouse, request.params.job, parseOptionalTime('scheduled_for', scheduled_for));
    },
  );

  app.post(
    '/v1/jobs/runs/:id/finish',
    {
      schema: {
        tags: ['operation'],
        summary: 'End a run',
        params: RunParams,
        body: Type.Object(
          {
            status: Type.Union([Type.Literal('succeeded'), Type.Literal('failed')]),
            error: Type.Optional(Type.String()),
            result: Type.Optional(Type.Unknown()),
          },
          { additionalProperties: false },
        ),
        response: { 200: JobRun },
      },
      config: { access: admins, audit: false },
    },
    (request) => finishRun(warehouse, request.params.id, request.body),
  );

  app.post(
    '/v1/jobs/:job/missed',
    {
      schema: {
        tags: ['operation'],
        summary: 'Log a run that did not happen',
        params: JobParams,
        body: Type.Object(
          {
            scheduled_for: Time('when it was due'),
            status: Type.Union([Type.Literal('missed'), Type.Literal('skipped')]),
            error: Type.String(),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ job_run_id: Type.String() }) },
      },
      config: { access: admins, audit: false },
    },
    async (request) => {
      const { scheduled_for, status, error } = request.body;
      const scheduledFor = parseTime('scheduled_for', scheduled_for);
      return {
        job_run_id: await recordRun(warehouse, { job: request.params.job, status, scheduledFor, error }),
      };
    },
  );

  app.post(
    '/v1/jobs/boot',
    {
      schema: {
        tags: ['operation'],
        summary: 'Begin a boot of the scheduler',
        description:
          'Marks what the last process left running as failed, and answers when each job was last due.',
        response: {
          200: Type.Object({
            failed_count: Count('runs that the last process did not finish'),
            last_scheduled: Type.Array(Type.Object({ job: Type.String(), scheduled_for: Type.String() })),
          }),
        },
      },
      config: { access: admins, audit: false },
    },
    async () => ({
      failed_count: await failDeadRuns(warehouse),
      last_scheduled: await lastScheduled(warehouse),
    }),
  );
};
