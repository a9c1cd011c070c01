import ArgumentParser
import Foundation
import Input
import Machine
import Reports
import Store
import Sweeps

struct Sweep: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Measures a grid of configurations into a store; resumable.",
    discussion: """
      What the store already holds for this host and build is skipped, so a sweep that was ended is \
      resumed by the same command. Each cell runs in a process of its own; one that fails becomes a \
      row with its reason. SIGINT, SIGTERM and SIGHUP end a sweep cleanly, with exit code 128 and the \
      signal's number. docs/sweeps.md describes SPEC.
      """)

  @Argument(
    help: ArgumentHelp("The grid, in YAML.", valueName: "spec.yaml"), completion: .file())
  var spec: String

  @Option(help: "Where results go.")
  var store: String

  @Option(
    help: ArgumentHelp(
      "Measure only part i of n, or the part that a task of the Slurm job array 0 to n-1 stands for "
        + "(slurm alone: of an array that runs whole).",
      valueName: "i/n|slurm/n|slurm"))
  var shard = "1/1"

  @Option(
    help: ArgumentHelp(
      "Print the script of a Slurm job array of n parts, for sbatch; measure nothing.",
      valueName: "n"))
  var sbatch: Int?

  @Flag(help: "Try configurations once more that failed before.")
  var retryFailed = false

  @Flag(help: "List the configurations and what the store holds of them; measure nothing.")
  var list = false

  @Flag(
    help: """
      Count what the store holds of the sweep, measured on this machine or on others, and say why \
      results do not count here; measure nothing.
      """)
  var status = false

  @Option(help: "table or json.")
  var output = OutputFormat.table

  @OptionGroup var page: PageOptions

  func run() throws {
    let spec = try SweepSpec(contentsOf: self.spec)
    let shard = try Shard(self.shard, environment: ProcessInfo.processInfo.environment)
    let plan = SweepPlan(spec, shard: shard)
    if let sbatch {
      let job = try SlurmJob(
        spec: URL(fileURLWithPath: self.spec), store: URL(fileURLWithPath: store),
        executable: Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0]),
        parts: sbatch, cells: plan.cells.count)
      try emit(Data(job.script.utf8))
      return
    }
    let site = try MeasuringSite.current()
    for text in spec.impossible { warn("\(self.spec): left out: \(text)") }
    if list || status {
      let held =
        FileManager.default.fileExists(atPath: store) ? try ResultStore(store, .reading) : nil
      let states = try held?.unitStates() ?? [:]
      if status {
        let counts = try within(store) {
          try SweepStatus(plan, states, held?.identities() ?? [:], on: site)
        }
        try output == .json ? emit(JSONText.encode(counts)) : emit(page: counts.table)
        return
      }
      let listing = SweepListing(plan, states, on: site)
      try output == .json ? emit(JSONText.encode(listing.rows)) : emit(page: listing.table)
      return
    }

    StopRequest.watch()
    let store = try ResultStore(self.store, .writing)
    let run = try spec.run(shard: shard, on: site)
    try store.begin(run)
    var options = SweepRun.Options()
    options.retryFailed = retryFailed
    options.timeLimit = spec.timeLimit
    let progress = ProgressLine()
    let summary = try SweepRun(
      plan, store: store, run: run.id, site: site, options: options,
      stopped: { StopRequest.signal != nil }, report: progress.show
    ).measure()
    progress.clear()
    try store.close()
    let report = SweepReport(
      summary, shard: shard, seed: spec.seed, store: self.store, impossible: spec.impossible)
    try output == .json ? emit(JSONText.encode(report)) : emit(page: report.table)
    if let signal = StopRequest.signal { throw ExitCode(128 + signal) }
  }
}
