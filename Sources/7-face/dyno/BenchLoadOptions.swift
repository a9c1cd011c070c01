import ArgumentParser
import Harness
import Input
import Requests

/// How `dyno bench` is asked for the engine as a server, instead of for static batches.
struct BenchLoadOptions: ParsableArguments {
  @Option(
    help: "Clients that each send a request when their last one has ended, comma-separated.")
  var concurrency: CountList?

  @Option(help: "Requests of each load. Default: 10 a client, or what the --budget holds, from 4.")
  var requests: Int?

  @Option(help: "So many of them are served first and not counted. Default: one a client.")
  var warmUp: Int?

  @Option(help: "Lengths are uniform between this share of --workload and all of it. Default: 1.")
  var lengthRange: Double?

  func validate() throws {
    let ofLoads = [
      ("--requests", requests != nil), ("--warm-up", warmUp != nil),
      ("--length-range", lengthRange != nil),
    ].filter { $0.1 }.map { $0.0 }
    guard concurrency != nil || ofLoads.isEmpty else {
      throw ValidationError("\(ofLoads.joined(separator: ", ")): of a load; give --concurrency")
    }
  }

  /// `nil` where no load is asked for.
  func loads(_ workloads: [WorkloadShape]) throws -> ServingLoads? {
    guard let concurrency else { return nil }
    guard let workload = workloads.first, workloads.count == 1 else {
      throw InputError(
        "--workload", problem: workloads.isEmpty ? "is not given" : "is given more than once",
        expected: "the tokens in and out of a load's requests, such as 128x64")
    }
    let lengths = try LengthDistribution(
      input: workload.prompt, output: workload.generate, least: lengthRange ?? 1)
    return try ServingLoads(
      concurrency.values.unique, lengths, requests: requests, warmUp: warmUp)
  }
}
