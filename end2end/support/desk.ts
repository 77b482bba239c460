// Starts a desk for each worker, with an empty data folder, a free port and short timeouts.
import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

const repository = path.resolve(import.meta.dirname, '../..')
const binary = process.env.LOAN_DESK_BINARY ?? path.join(repository, 'target/debug/loan-desk')
const siteRoot = process.env.LOAN_DESK_SITE_ROOT ?? path.join(repository, 'target/site')

/** The timeouts and delays of the desk, in seconds. */
export const seconds = { valuationTimeout: 5, valuerDelay: 2, lateDelay: 7 }

export class Desk {
  private constructor(
    readonly url: string,
    private readonly awsUrl: string,
    private server: ChildProcess,
    private readonly dataFolder: string,
    private readonly begin: () => ChildProcess,
  ) {}

  /** `more` are flags that only some tests need. */
  static async start(name: string, more: Record<string, string> = {}): Promise<Desk> {
    const dataFolder = await mkdtemp(path.join(tmpdir(), 'loan-desk-'))
    const address = `127.0.0.1:${await freePort()}`
    const awsAddress = `127.0.0.1:${await freePort()}`
    const flags = {
      listen: address,
      'aws-endpoint': awsAddress,
      'data-dir': dataFolder,
      'valuation-timeout': `${seconds.valuationTimeout}s`,
      'mock-valuer-delay': `${seconds.valuerDelay}s`,
      'mock-valuer-late-delay': `${seconds.lateDelay}s`,
      'manual-valuation-timeout': '1h',
      'workflow-dir': path.join(repository, 'infra'),
      'site-root': siteRoot,
      ...more,
    }
    const logs = path.join(import.meta.dirname, '../test-results')
    await mkdir(logs, { recursive: true })
    const log = createWriteStream(path.join(logs, `${name}.log`), { flags: 'a' })
    const begin = () => {
      const options = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])
      const server = spawn(binary, ['serve', ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
      server.stdout.pipe(log, { end: false })
      server.stderr.pipe(log, { end: false })
      return server
    }
    const desk = new Desk(`http://${address}`, `http://${awsAddress}`, begin(), dataFolder, begin)
    await desk.ready()
    return desk
  }

  private async ready() {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (this.server.exitCode !== null) throw new Error(`the desk exited immediately; its log is in test-results`)
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined)
      if (answer?.ok) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('the desk is not ready after 10 seconds; its log is in test-results')
  }

  /** The task tokens that the execution of an application has issued so far, from its history. */
  async taskTokens(reference: string): Promise<string[]> {
    const { events } = await this.stepFunctions('GetExecutionHistory', {
      executionArn: `arn:aws:states:eu-west-2:000000000000:execution:loan-processing:${reference}`,
      maxResults: 1000,
    })
    return (events as { taskScheduledEventDetails?: { parameters: string } }[])
      .flatMap((event) => event.taskScheduledEventDetails ?? [])
      .map((details) => JSON.parse(details.parameters).Payload.taskToken)
  }

  /** Starts an execution of the loan workflow directly in Step Functions. */
  async start(name: string, input: object) {
    const stateMachineArn = 'arn:aws:states:eu-west-2:000000000000:stateMachine:loan-processing'
    await this.stepFunctions('StartExecution', { stateMachineArn, name, input: JSON.stringify(input) })
  }

  /** Calls the embedded Step Functions, which requires no signature. */
  private async stepFunctions(operation: string, input: object): Promise<Record<string, unknown>> {
    const answer = await fetch(this.awsUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AWSStepFunctions.${operation}` },
      body: JSON.stringify(input),
    })
    if (!answer.ok) throw new Error(`${operation}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as Record<string, unknown>
  }

  /** Kills the desk without a chance to shut down. */
  async kill() {
    const ended = new Promise((resolve) => this.server.once('exit', resolve))
    this.server.kill('SIGKILL')
    await ended
  }

  /** Starts the desk again with the same address and data. */
  async startAgain() {
    this.server = this.begin()
    await this.ready()
  }

  async stop() {
    const ended = new Promise((resolve) => this.server.once('exit', resolve))
    this.server.kill('SIGTERM')
    const patience = setTimeout(() => this.server.kill('SIGKILL'), 5_000)
    if (this.server.exitCode === null && this.server.signalCode === null) await ended
    clearTimeout(patience)
    await rm(this.dataFolder, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().unref()
  await new Promise<void>((resolve, reject) => server.listen(0, '127.0.0.1', resolve).once('error', reject))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
