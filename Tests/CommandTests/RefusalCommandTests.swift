import Foundation
import TestSupport
import Testing

/// What is asked for is done, or refused: nothing is dropped without a word.
extension CommandTests {
  @Test(arguments: [
    (
      ["predict", "llama-3.2-1b", "--device", "h100-sxm", "--batch", "1", "--batch", "64"],
      "--batch: is given twice"
    ),
    (
      [
        "predict", "llama-3.2-1b", "--device", "h100-sxm", "--concurrency=1", "--concurrency", "2",
      ], "--concurrency: is given twice"
    ),
    (["bench", "smollm2-135m", "-b", "8", "--chunk", "16"], "-b: is given twice"),
    (["bench", "smollm2-135m", "-t", "1", "-t", "2", "-t", "3"], "-t: is given 3 times"),
    (
      ["search", "--parameters", "1B", "--device", "host", "--device", "l4"],
      "--device: is given twice"
    ),
    (["history", "a.db", "--seed", "1", "--seed", "2"], "--seed: is given twice"),
    // What a server under load does not have.
    (
      [
        "predict", "llama-3.2-1b", "--device", "h100-sxm", "--concurrency", "8", "--batch", "64",
        "--depth", "8",
      ], "--batch, --depth: goes with no load"
    ),
    (
      [
        "predict", "llama-3.2-1b", "--device", "h100-sxm", "--trace", "t.csv", "--workload", "8x8",
      ], "--workload: is what a trace says itself"
    ),
    (
      [
        "predict", "llama-3.2-1b", "--device", "h100-sxm", "--concurrency", "1", "--workload",
        "1x1", "--max-step-tokens", "10000000",
      ], "--max-step-tokens: is 10000000"
    ),
    // A model that one device does not hold, with what would.
    (
      ["predict", "llama-3.1-70b", "--device", "h100-sxm", "--concurrency", "4"],
      "expected tensor_parallel 2"
    ),
  ])
  func nothingIsDropped(arguments: [String], error: String) throws {
    let outcome = try dyno(arguments)
    #expect(outcome.code == 2 && outcome.output.isEmpty)
    #expect(outcome.errors.contains(error), "\(outcome.errors)")
  }

  /// Lists that add up may come in parts, and what stands behind `--` is another command's.
  @Test func listsMayBeRepeated() throws {
    for arguments in [
      ["bench", "x.json", "--batch", "1", "--batch", "2"],
      ["calibrate", "x.csv", "--device", "l4", "--from", "l40s", "--from", "l4"],
      ["ab", "--baseline", "a", "--candidate", "b", "--seed", "1", "--", "bench", "--seed", "1"],
    ] {
      #expect(try !dyno(arguments).errors.contains("is given"))
    }
  }

  /// A gate that cannot fail has not passed.
  @Test func historiesOfTooFewCommitsAreInconclusive() throws {
    try Files.withTemporaryFolder { folder in
      let store = folder.appendingPathComponent("s.db").path
      let bench = try dyno(
        "bench", fixture("huggingface/qwen3"), "--prompt", "4", "--generate", "0", "--store", store,
        "--repetitions", "2")
      #expect(bench.code == 0, "\(bench.errors)")
      #expect(try dyno("history", store).code == 0)
      #expect(try dyno("history", store, "--fail-on-regression").code == 3)
    }
  }
}
