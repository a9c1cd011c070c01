import ArgumentParser
import Foundation
import Machine
import Reports

struct HostCommand: PrintsTables {
  static let configuration = CommandConfiguration(
    commandName: "host",
    abstract: "Topology and measured limits of this machine.",
    discussion: """
      Limits are the best of many samples. They are measured once and kept in \
      $XDG_CACHE_HOME/dyno (or ~/.cache/dyno), by processor, thread count and instruction set.
      """)

  @Option(help: .threads)
  var threads: Int?

  @Flag(help: "Measure the limits again, even where they are known.")
  var remeasure = false

  @Option(help: "Samples of each limit.")
  var samples = 20

  @Option(help: "table or json.")
  var output = OutputFormat.table

  @OptionGroup var page: PageOptions

  func run() throws {
    let samples = try positive("--samples", samples)
    let topology = try Topology()
    let team = try ThreadTeam(count: threads, topology: topology)
    let kernels = try KernelTable.selected()
    let cache = LimitsCache(threads: team.count, instructionSet: kernels.name)
    let known = remeasure ? nil : cache.load()
    let limits: MachineLimits
    if let known {
      limits = known
    } else {
      let progress = ProgressLine()
      let meter = try LimitsMeter(team: team, kernels: kernels, topology: topology)
      for sample in 1...samples {
        progress.show("measuring limits, sample \(sample) of \(samples)")
        meter.sample()
      }
      progress.clear()
      limits = meter.limits
      do { try cache.store(limits) } catch {
        warn("\(cache.file.path): limits are not kept: \(error.localizedDescription)")
      }
    }
    let description = HostDescription(
      topology: topology, limits: limits, measuredNow: known == nil, threadsPinned: team.pinned,
      openblas: OpenBLAS.configuration, processor: Processor.model,
      operatingSystem: OperatingSystem.description,
      availableMemoryBytes: AvailableMemory.bytes(),
      instructionSets: KernelTable.available.map(\.name),
      containerProcessors: EnvironmentCapture.containerProcessors)
    switch output {
    case .json: try emit(JSONText.encode(description))
    case .table: try emit(page: description.table)
    }
  }
}
