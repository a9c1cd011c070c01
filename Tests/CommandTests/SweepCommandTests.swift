import Foundation
import TestSupport
import Testing

/// Stores and sweeps as a user meets them.
@Suite struct SweepCommandTests {
  private let command = CommandTests()

  private func spec(_ folder: URL, _ text: String) throws -> String {
    let file = folder.appendingPathComponent("spec.yaml")
    try Data(text.utf8).write(to: file)
    return file.path
  }

  private func checkpoint(_ name: String) -> String {
    Files.fixtures.appendingPathComponent("huggingface/\(name)").path
  }

  /// A model's configuration beside the specification, which may name only what is there.
  private func model(_ name: String, in folder: URL) throws -> String {
    let source = Files.fixtures.appendingPathComponent("huggingface/\(name)/config.json")
    let file = folder.appendingPathComponent("\(name).json")
    if !FileManager.default.fileExists(atPath: file.path) {
      try FileManager.default.copyItem(at: source, to: file)
    }
    return file.lastPathComponent
  }

  private func objects(_ bytes: Data) throws -> [[String: Any]] {
    try #require(try JSONSerialization.jsonObject(with: bytes) as? [[String: Any]])
  }

  @Test func sweepMergeAndExport() throws {
    try Files.withTemporaryFolder { folder in
      let spec = try spec(
        folder,
        """
        architectures:
          - \(try model("qwen2", in: folder))
          - \(try model("qwen3", in: folder))
          - {base: llama-3.2-1b, vary: {hidden_size: 262144, vocab_size: 16777216}}
        prompt: 8
        generate: 2
        threads: 1
        repetitions: 2
        """)
      let parts = ["a.db", "b.db"].map { folder.appendingPathComponent($0).path }
      for (index, store) in parts.enumerated() {
        let outcome = try command.dyno(
          "sweep", spec, "--store", store, "--shard", "\(index + 1)/2", "--output", "json")
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
      }
      let merged = folder.appendingPathComponent("c.db").path
      for _ in 0..<2 {
        let outcome = try command.dyno(["merge"] + parts + ["--into", merged])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("holds 6 results"), "\(outcome.output)")
      }
      let resumed = try command.dyno("sweep", spec, "--store", merged)
      #expect(resumed.output.hasPrefix("0 measured, 4 already there, 0 failed, 2 failed before"))

      let json = try command.dyno("results", merged, "--output", "json")
      #expect(try objects(json.bytes).count == 4)
      #expect(json.errors.contains("2 failed results"))
      let failed = try objects(
        try command.dyno("results", merged, "--failed", "--output", "json").bytes)
      #expect(failed.count == 2)
      for row in failed {
        let failure = row["failure"] as? [String: Any]
        #expect(failure?["kind"] as? String == "out of memory", "\(row)")
      }
      let filtered = try command.dyno(
        "results", merged, "--architecture", "qwen3", "--prompt", "8", "--output", "llama-bench")
      let record = try #require(try objects(filtered.bytes).first)
      #expect(try objects(filtered.bytes).count == 1)
      #expect(record["n_prompt"] as? Int == 8 && (record["samples_ns"] as? [Int])?.count == 2)
      #expect(record["median_ts"] == nil)
      let csv = try command.dyno("results", merged, "--output", "csv")
      let lines = csv.output.split(whereSeparator: \.isNewline)
      #expect(lines.count == 5)
      #expect(lines[0].hasPrefix("status,finished_at,cell,block,model_type,type_weights,"))
      let lineCount = try command.dyno("results", merged, "--output", "jsonl").output
        .split(separator: "\n").count
      #expect(lineCount == 4)
      #expect(try command.dyno("results", merged).output.contains("4 measured, 2 failed"))
      #expect(try command.dyno("history", merged).output.contains("needs "))
    }
  }

  @Test func benchAppends() throws {
    try Files.withTemporaryFolder { folder in
      let store = folder.appendingPathComponent("s.db").path
      for count in 1...2 {
        let outcome = try command.dyno(
          "bench", checkpoint("qwen2"), "--prompt", "8", "--generate", "0", "--repetitions", "1",
          "--threads", "1", "--store", store, "--output", "jsonl")
        #expect(outcome.code == 0, "\(outcome.errors)")
        let stored = try command.dyno("results", store, "--output", "jsonl").output
          .split(separator: "\n")
        #expect(stored.count == count)
        #expect(
          stored.last.map(String.init)
            == outcome.output.split(separator: "\n").last.map(String.init))
      }
    }
  }

  @Test func badInput() throws {
    try Files.withTemporaryFolder { folder in
      let store = folder.appendingPathComponent("s.db")
      func refusal(_ arguments: String..., parts: String...) throws {
        let outcome = try command.dyno(arguments)
        #expect(outcome.code == 2, "\(arguments)")
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        for part in parts { #expect(outcome.errors.contains(part), "\(outcome.errors)") }
      }
      let bad = try spec(folder, "architectures: llama-3.2-1b\nbatchs: 1")
      try refusal("sweep", bad, "--store", store.path, parts: "line 2", "batchs", "batch?")
      #expect(!FileManager.default.fileExists(atPath: store.path))
      try refusal("sweep", "/nowhere.yaml", "--store", store.path, parts: "/nowhere.yaml")
      try refusal("results", store.path, parts: "does not exist")
      try refusal("merge", store.path, "--into", store.path + "2", parts: "does not exist")
      #expect(!FileManager.default.fileExists(atPath: store.path + "2"))
      try Data("junk".utf8).write(to: store)
      let good = try spec(folder, "architectures: llama-3.2-1b")
      try refusal("sweep", good, "--store", store.path, parts: "is not a store")
      try refusal("bench", checkpoint("qwen2"), "--store", store.path, parts: "is not a store")
      try refusal("history", store.path, parts: "is not a store")
      try refusal("sweep", good, "--store", "x.db", "--shard", "3/2", parts: "--shard")
      #expect(try Data(contentsOf: store) == Data("junk".utf8))
    }
  }

  /// However a sweep ends, it leaves nothing behind but its store.
  @Test func killedSweepsLeaveNothing() throws {
    try Files.withTemporaryFolder { folder in
      let spec = try spec(
        folder,
        "{architectures: \(try model("qwen2", in: folder)), prompt: 8, generate: 0, repetitions: 1000000, threads: 1}"
      )
      let place = folder.appendingPathComponent("tmp")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      let store = folder.appendingPathComponent("s.db").path
      let process = try command.start(
        command.executable, ["sweep", spec, "--store", store], environment: ["TMPDIR": place.path])
      while try process.poll(milliseconds: 10) == nil,
        !FileManager.default.fileExists(atPath: store + "-lock")
      {}
      usleep(300_000)
      kill(process.identifier, SIGKILL)
      #expect(try command.outcome(of: process).code == -1)
      #expect(try FileManager.default.contentsOfDirectory(atPath: place.path).isEmpty)
    }
  }

  /// Filters that are given more than once add up.
  @Test func filtersAddUp() throws {
    try Files.withTemporaryFolder { folder in
      let store = folder.appendingPathComponent("s.db").path
      let bench = try command.dyno(
        "bench", checkpoint("qwen2"), "--prompt", "4,8,16", "--generate", "0", "--repetitions", "1",
        "--threads", "1", "--store", store)
      #expect(bench.code == 0, "\(bench.errors)")
      let both = try command.dyno(
        "results", store, "--prompt", "4", "--prompt", "16", "--output", "json")
      #expect(try objects(both.bytes).compactMap { $0["n_prompt"] as? Int } == [4, 16])
    }
  }

  @Test func stopsOnASignal() throws {
    try Files.withTemporaryFolder { folder in
      let spec = try spec(
        folder,
        """
        {architectures: \(try model("qwen2", in: folder)), prompt: 8, generate: 0, repetitions: 1000000, threads: 1,
         time_limit: 20s}
        """)
      let store = folder.appendingPathComponent("s.db").path
      // Who runs the tests may ignore SIGTERM, and a sweep would follow.
      let process = try command.start(
        "/usr/bin/env",
        ["--default-signal=TERM", command.executable, "sweep", spec, "--store", store])
      // Until it measures.
      while try process.poll(milliseconds: 10) == nil,
        !FileManager.default.fileExists(atPath: store + "-lock")
      {}
      usleep(100_000)
      kill(process.identifier, SIGTERM)
      let outcome = try command.outcome(of: process)
      #expect(outcome.code == 128 + 15)
      #expect(
        outcome.output.hasPrefix(
          "0 measured, 0 already there, 0 failed, 0 failed before, 1 left of 1"))
      #expect(!FileManager.default.fileExists(atPath: store + "-wal"), "the store was not closed")
    }
  }

  /// Runs a program where `media` cannot be written and `temporary` has so much room.
  private static func onReadOnlyMedia(
    _ folder: URL, room: String, _ program: [String]
  ) throws -> CommandTests.Outcome {
    let places = try ["media", "temporary"].map { name in
      let place = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      return place.path
    }
    let script =
      "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && "
      + "mount -t tmpfs -o size=\(room) none \"$1\" && export TMPDIR=\"$1\" && shift && "
      + "exec \"$@\""
    let command = CommandTests()
    let process = try command.start(
      "/usr/bin/unshare", ["--mount", "/bin/sh", "-c", script] + places + program)
    return try command.outcome(of: process, within: 120)
  }

  private static var canMount: Bool {
    let outcome = try? Files.withTemporaryFolder {
      try onReadOnlyMedia($0, room: "16k", ["/bin/true"])
    }
    return outcome?.code == 0
  }

  /// A store on read-only media is copied to be read: a log that is a pipe would never end, and
  /// there may be no room.
  @Test(.enabled(if: getuid() == 0 && Self.canMount, "mounting needs root"))
  func storesThatCannotBeCopied() throws {
    try Files.withTemporaryFolder { folder in
      let media = folder.appendingPathComponent("media")
      try FileManager.default.createDirectory(at: media, withIntermediateDirectories: true)
      let store = media.appendingPathComponent("s.db").path
      let bench = try command.dyno(
        "bench", checkpoint("qwen2"), "--prompt", "4", "--generate", "0", "--repetitions", "1",
        "--threads", "1", "--store", store)
      #expect(bench.code == 0, "\(bench.errors)")
      func results(room: String) throws -> CommandTests.Outcome {
        try Self.onReadOnlyMedia(folder, room: room, [command.executable, "results", store])
      }
      #expect(try results(room: "64m").output.contains("1 measured"))
      let full = try results(room: "16k")
      #expect(full.code == 70 && full.output.isEmpty, "\(full.errors)")
      #expect(full.errors.contains("No space left on device (TMPDIR"), "\(full.errors)")
      try #require(mkfifo(store + "-wal", 0o600) == 0)
      let endless = try results(room: "64m")
      #expect(endless.code == 2 && endless.output.isEmpty, "\(endless.errors)")
      #expect(endless.errors.contains("s.db-wal: is no regular file"), "\(endless.errors)")
    }
  }
}
