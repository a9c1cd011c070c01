import Foundation
import Processes
import TestSupport
import Testing

/// The executable as a user meets it: exit codes, what goes to stdout, what to stderr.
@Suite struct CommandTests {
  struct Outcome {
    let code: Int32
    let output: String
    let errors: String
    let bytes: Data
  }

  func dyno(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    try dyno(arguments, environment: environment)
  }

  func dyno(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
    try run(executable, arguments, environment: environment)
  }

  func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Outcome {
    try outcome(of: start(program, arguments, environment: environment))
  }

  /// By the one way to run programs: Foundation's waits for all that its child has started, too.
  func start(
    _ program: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ChildProcess {
    try ChildProcess(
      executable: "/usr/bin/env",
      arguments: environment.map { "\($0)=\($1)" } + [program] + arguments,
      limits: ChildProcess.Limits(output: 64 << 20))
  }

  /// What became of a child. One that ends neither by itself nor when asked is killed.
  func outcome(of child: ChildProcess, within seconds: Double = 600) throws -> Outcome {
    let end = try child.finish(within: seconds)
    let code: Int32 = if case .exited(let code) = end { code } else { -1 }
    return Outcome(
      code: code, output: String(decoding: child.outputData, as: UTF8.self),
      errors: child.complaints, bytes: child.outputData)
  }

  func expectRefusal(_ outcome: Outcome, _ parts: String...) {
    #expect(outcome.code == 2)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    for part in parts { #expect(outcome.errors.contains(part), "\(outcome.errors)") }
  }

  func fixture(_ path: String) -> String {
    Files.fixtures.appendingPathComponent(path).path
  }

  @Test func help() throws {
    let outcome = try dyno("--help")
    #expect(outcome.code == 0)
    for command in ["ab", "bench", "compare", "describe", "host", "logits"] {
      #expect(outcome.output.contains(command))
    }
  }

  @Test func badUsage() throws {
    expectRefusal(try dyno("describe"), "ARCH")
    expectRefusal(try dyno("bench", "smollm2-135m", "--dtype", "q5"), "q5")
    expectRefusal(try dyno("bench", "smollm2-135m", "--depth=-1"), "depth")
    expectRefusal(try dyno("nonsense"), "nonsense")
    expectRefusal(try dyno("describe", "no-such-model"), "no-such-model", "llama-3.2-1b")
    expectRefusal(try dyno("describe", "/nowhere/config.json"), "/nowhere/config.json")
    expectRefusal(
      try dyno("describe", fixture("huggingface/gpt2"), "--depth", "40"), "40 positions", "not 41")
    expectRefusal(try dyno("describe", "llama-3.2-1b", "/nowhere/config.json"), "/nowhere")
    expectRefusal(
      try dyno("bench", "smollm2-135m", "--prompt", "0", "--generate", "0"), "--prompt")
    expectRefusal(try dyno("bench", "smollm2-135m", "--repetitions", "0"), "--repetitions")
    expectRefusal(try dyno("bench", "smollm2-135m", "--threads", "4096"), "--threads")
    expectRefusal(try dyno("bench", "smollm2-135m", "--cache-dtype", "q4_0"), "q4_0")
    expectRefusal(
      try dyno("bench", "smollm2-135m", "--trace", "/nowhere/trace.json"), "/nowhere/trace.json")
    expectRefusal(
      try dyno("host", environment: ["DYNO_INSTRUCTION_SET": "sse9"]), "DYNO_INSTRUCTION_SET",
      "scalar")
  }

  /// What was meant, or where it comes from, is said.
  @Test func slips() throws {
    expectRefusal(try dyno("benchmark", "smollm2-135m"), "benchmark: is no command", "bench?")
    expectRefusal(try dyno("nonsense"), "one of bench, sweep")
    expectRefusal(try dyno("describe"), "the zoo has", "llama-3.2-1b")
    expectRefusal(try dyno("describe", "lama-3.2-1b"), "expected llama-3.2-1b?")
    #expect(try dyno("describe", "LLaMA-3.2-1B").code == 0)
    func predict(_ device: String) throws -> Outcome {
      try dyno("predict", "llama-3.2-1b", "--device", device)
    }
    #expect(try predict("A100-40GB").code == 0)
    expectRefusal(try predict("h100"), "2 forms", "h100-pcie, h100-sxm")
    expectRefusal(try predict("rtx4090"), "expected rtx-4090?")
    expectRefusal(
      try dyno("quality", fixture("gguf/llama-f32.gguf"), "-f", "t.txt"), "-f: names a text",
      "tokenize_text.py")
    expectRefusal(
      try dyno("compare", "a.json", "b.json", "--write", "junit"), "'junit'", "FORMAT=FILE",
      "github-action-benchmark")
    expectRefusal(
      try dyno(
        "ab", "--baseline", executable, "--candidate", "/nowhere", "--", "bench", "smollm2-135m"),
      "--candidate: /nowhere", "make build")
    try Files.withTemporaryFolder { folder in
      let store = folder.appendingPathComponent("s.db")
      try Data("SQLite format 3\0".utf8).write(to: store)
      expectRefusal(
        try dyno("compare", store.path, store.path), "is an SQLite database",
        "dyno results STORE --output json")
      let text = folder.appendingPathComponent("a.json")
      try Data("[]".utf8).write(to: text)
      expectRefusal(
        try dyno("results", text.path, "--output", "md"), "is not a store", "dyno bench --store")
    }
  }

  /// A value in another form than the one that is expected: the answer names the form.
  @Test(arguments: [
    (["bench", "smollm2-135m", "--budget", "10"], ["--budget", "'10'", "500ms, 90s, 10m or 2h"]),
    (["bench", "smollm2-135m", "--prompt", "4k"], ["--prompt", "'4k'", "a count such as 512"]),
    (["bench", "smollm2-135m", "--prompt", "-5"], ["--prompt", "'-5'", "a count such as 512"]),
    (["bench", "smollm2-135m", "--workload", "4096"], ["--workload", "'4096'", "4096x1024"]),
    (["history", "x.db", "--threshold", "5"], ["--threshold", "'5'", "a share such as 5%"]),
    (
      ["law", "predict", "llama-3.2-1b", "--law", "conditional-1b", "--tokens", "100G"],
      ["--tokens", "'100G'", "a number such as 100B"]
    ),
    (["describe", "llama-3.2-1b", "--depth", "-5"], ["--depth", "-5"]),
    (["bench", "smollm2-135m", "-p", "-5"], ["'-5'", "a count such as 512"]),
    (["bench", "smollm2-135m", "--chunk", "4k"], ["--chunk", "'4k'", "expected a number"]),
    (
      ["predict", "llama-3.2-1b", "--device", "h100-sxm", "--tensor-parallel", "two"],
      ["--tensor-parallel", "'two'", "expected a number"]
    ),
    (
      ["predict", "llama-3.2-1b", "--device", "h100-sxm", "--batch", "8,x"],
      ["--batch", "8,x", "count"]
    ),
  ])
  func formsAreNamed(arguments: [String], parts: [String]) throws {
    let outcome = try dyno(arguments)
    #expect(outcome.code == 2 && outcome.output.isEmpty)
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    for part in parts { #expect(outcome.errors.contains(part), "\(outcome.errors)") }
    #expect(!outcome.errors.contains("Missing value"))
  }

  /// `dyno describe <(…)` and stdin are read; a pipe that has a name is refused, and nothing waits.
  @Test func pipesAreRead() throws {
    let config = fixture("huggingface/qwen2/config.json")
    func shell(_ command: String) throws -> Outcome { try run("/bin/bash", ["-c", command]) }
    for command in [
      "'\(executable)' describe <(cat '\(config)')",
      "'\(executable)' describe /dev/stdin < '\(config)'",
      "cat '\(config)' | '\(executable)' describe /dev/stdin",
    ] {
      let outcome = try shell(command)
      #expect(outcome.code == 0, "\(outcome.errors)")
    }
    let endless = try shell("'\(executable)' describe /dev/stdin < /dev/zero")
    #expect(endless.code == 2 && endless.errors.contains("at most 16 MiB"), "\(endless.errors)")
    try Files.withTemporaryFolder { folder in
      let pipe = folder.appendingPathComponent("fifo").path
      #expect(mkfifo(pipe, 0o600) == 0)
      for arguments in [
        ["describe", pipe], ["sweep", pipe, "--store", "x.db"], ["compare", pipe, pipe],
        ["history", pipe], ["calibrate", pipe, "--device", "h100-sxm"],
        ["law", "fit", pipe, "--form", "chinchilla"], ["logits", pipe, "--tokens", "1"],
        ["predict", "llama-3.2-1b", "--device", pipe],
      ] {
        let outcome = try dyno(arguments)
        #expect(outcome.code == 2, "\(arguments): \(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
      }
    }
  }

  /// Sizes from the command line are never multiplied into a trap.
  @Test func extremeNumbers() throws {
    let most = "10000000"
    expectRefusal(
      try dyno(
        "bench", "llama-3.2-3b", "--batch", most, "--depth", most, "--generate", most), "needs")
    expectRefusal(try dyno("describe", "llama-3.2-1b", "--depth", "4000000000"), "--depth")
    #expect(try dyno("describe", "llama-3.2-1b", "--depth", most).code == 0)
    let model = fixture("huggingface/qwen2")
    expectRefusal(
      try dyno("logits", model, "--tokens", "1", "--generate", "\(Int.max)"), "--generate")
    expectRefusal(try dyno("logits", model, "--tokens", "1", "--cache-dtype", "q8_0"), "q8_0")
    try Files.withTemporaryFolder { folder in
      let wide = folder.appendingPathComponent("wide.json")
      try Data(
        """
        {"model_type": "llama", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 256, "head_dim": 4096, "num_key_value_heads": 1, "vocab_size": 32}
        """.utf8
      ).write(to: wide)
      for dtype in ["q8_0", "bf16"] {
        let outcome = try dyno(
          "bench", wide.path, "--dtype", dtype, "--prompt", "64,2", "--generate", "1",
          "--repetitions", "1", "--output", "json")
        #expect(outcome.code == 0, "\(outcome.errors)")
      }
    }
  }

  @Test func resultsThatCannotBeWritten() throws {
    let outcome = try run(
      "/bin/sh", ["-c", "exec \"$0\" describe llama-3.2-1b > /dev/full", executable])
    #expect(outcome.code == 70)
    let text = outcome.errors
    #expect(text.split(separator: "\n").count == 1 && text.contains("stdout"), "\(text)")
  }

  @Test func aRefusedRunLeavesFilesAlone() throws {
    try Files.withTemporaryFolder { folder in
      let trace = folder.appendingPathComponent("trace.json")
      try Data("kept".utf8).write(to: trace)
      let outcome = try dyno(
        "bench", "llama-3.1-8b", "--batch", "100000", "--depth", "100000", "--trace", trace.path)
      expectRefusal(outcome, "needs")
      #expect(try Data(contentsOf: trace) == Data("kept".utf8))
    }
  }

  @Test func modelsThatDoNotFit() throws {
    let outcome = try dyno("bench", "llama-3.1-8b", "--batch", "100000", "--depth", "100000")
    expectRefusal(outcome, "llama-3.1-8b: needs", "available")
  }

  @Test func describeInJSON() throws {
    let outcome = try dyno("describe", "llama-3.2-1b", "surefire-1b", "--output", "json")
    #expect(outcome.code == 0)
    let array = try #require(
      try JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
    #expect(array.map { $0["non_embedding_parameters"] as? Int } == [973_078_528, 964_689_920])
    #expect(array.map { $0["query_heads_per_key_value_head"] as? Int } == [4, 9])
  }

  var executable: String {
    Bundle.main.bundleURL.appendingPathComponent("dyno").path
  }

  @Test func wholeWorkloads() throws {
    let outcome = try dyno(
      "bench", fixture("huggingface/qwen3"), "--workload", "100x50", "--batch", "2", "--chunk",
      "32", "--precision", "20%", "--budget", "500ms", "--output", "json")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let array = try #require(
      try JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
    let workload = try #require(array.first?["workload"] as? [String: Any])
    #expect(workload["mode"] as? String == "integrated")
    #expect(workload["steps"] as? Int ?? 0 > workload["timed_steps"] as? Int ?? 0)
    let sampling = try #require(array.first?["sampling"] as? [String: Any])
    #expect(["precision", "budget"].contains(sampling["ended_by"] as? String))
  }

  /// Lists that are given more than once add up, and whole requests do not push them aside.
  @Test func everythingAskedForIsMeasured() throws {
    func tests(_ arguments: String...) throws -> [String] {
      try #require(try hello(executable, arguments)["cells"] as? [[String: Any]]).map {
        "\($0["test"]!), \($0["nSequences"]!)"
      }
    }
    #expect(
      try tests("--prompt", "4", "--generate", "0", "--prompt", "8,4") == ["pp4, 1", "pp8, 1"])
    #expect(
      try tests(
        "--prompt", "0", "--generate", "2", "--depth", "0", "--batch", "1", "--depth", "8",
        "--batch", "2")
        == ["tg2, 1", "tg2 @ d8, 1", "tg2, 2", "tg2 @ d8, 2"])
    #expect(try tests("--workload", "8x2") == ["pp8+tg2, 1"])
    #expect(try tests("--workload", "8x2", "--prompt", "4") == ["pp4, 1", "pp8+tg2, 1"])
  }

  /// What a bench would run, without running it.
  private func hello(_ program: String, _ arguments: [String]) throws -> [String: Any] {
    let outcome = try run(
      program, ["bench", fixture("huggingface/qwen3"), "--threads", "1", "--serve"] + arguments)
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try #require(try JSONSerialization.jsonObject(with: outcome.bytes) as? [String: Any])
  }

  /// A file that cannot be written costs that file, not the results; and a device stays one.
  @Test func resultsComeBeforeFiles() throws {
    let outcome = try dyno(
      "bench", fixture("huggingface/qwen3"), "--prompt", "4", "--generate", "0", "--repetitions",
      "1", "--threads", "1", "--output", "json", "--trace", "/dev/full")
    #expect(outcome.code == 70 && outcome.errors.contains("/dev/full"), "\(outcome.errors)")
    #expect(try JSONSerialization.jsonObject(with: outcome.bytes) is [Any])
    var status = stat()
    #expect(stat("/dev/full", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    try Files.withTemporaryFolder { folder in
      let set = folder.appendingPathComponent("set.json").path
      let bench = try dyno(
        "bench", fixture("huggingface/qwen3"), "--prompt", "4", "--generate", "0", "--repetitions",
        "2", "--output", "json")
      try bench.bytes.write(to: URL(fileURLWithPath: set))
      let compared = try dyno("compare", set, set, "--write", "junit=/dev/full")
      #expect(compared.code == 70 && compared.output.contains("no change"), "\(compared.errors)")
    }
  }

  @Test func storesThatKeepNothing() throws {
    for store in ["", ":memory:", "/dev/null"] {
      expectRefusal(
        try dyno(
          "bench", fixture("huggingface/qwen3"), "--prompt", "4", "--store", store,
          "--repetitions", "1"), "store")
    }
  }

  /// Names from files reach neither the terminal nor another line.
  @Test func namesAreMadeHarmless() throws {
    try Files.withTemporaryFolder { folder in
      let source = URL(fileURLWithPath: fixture("huggingface/qwen3/config.json"))
      let odd = folder.appendingPathComponent("a\u{1b}[31m|<b>\n=1\u{202e}")
      try FileManager.default.createDirectory(at: odd, withIntermediateDirectories: true)
      try Data(contentsOf: source).write(to: odd.appendingPathComponent("config.json"))
      for output in ["table", "markdown", "json", "jsonl"] {
        let outcome = try dyno(
          "bench", odd.path, "--prompt", "4", "--generate", "0", "--repetitions", "1", "--output",
          output)
        #expect(outcome.code == 0, "\(outcome.errors)")
        for text in [outcome.output, outcome.errors] {
          #expect(!text.contains("\u{1b}") && !text.contains("\u{202e}"), "\(output): \(text)")
          #expect(!text.contains("\n=1"), "\(output): \(text)")
        }
        if output == "markdown" { #expect(!outcome.output.contains("<b>")) }
      }
    }
  }

  /// Few descriptors are an error in one line, not a trap.
  @Test func fewDescriptors() throws {
    for count in [8, 11, 14] {
      let outcome = try run(
        "/bin/sh",
        [
          "-c", "ulimit -n \(count); exec \"$0\" \"$@\"", executable, "ab", "--baseline",
          executable,
          "--candidate", "/bin/true", "--patience", "5s", "--", "bench",
          fixture("huggingface/qwen3"),
        ])
      #expect([2, 70, 127].contains(outcome.code), "\(count): \(outcome.code) \(outcome.errors)")
    }
  }

  /// Little address space is an error in one line: OpenBLAS by itself would try for ever.
  @Test(arguments: [600_000, 900_000])
  func littleAddressSpace(kibibytes: Int) throws {
    try Files.withTemporaryFolder { folder in
      // The limits of a machine that nobody has measured take most.
      let outcome = try run(
        "/bin/sh",
        [
          "-c", "ulimit -v \(kibibytes); exec \"$0\" \"$@\"", executable, "bench",
          fixture("huggingface/qwen3"), "--prompt", "4", "--generate", "0", "--repetitions", "1",
        ], environment: ["XDG_CACHE_HOME": folder.path])
      #expect(outcome.code == 70 && outcome.errors.contains("refused"), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
  }

  /// Arguments come from /proc: without it nobody knows what was asked for.
  @Test(.enabled(if: getuid() == 0 && Self.canHideProc, "hiding /proc needs root"))
  func withoutProc() throws {
    let outcome = try run("/usr/bin/unshare", Self.hidingProc + [executable, "describe", "x"])
    #expect(outcome.code == 70 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("is /proc mounted?"), "\(outcome.errors)")
  }

  private static let hidingProc = [
    "--mount", "/bin/sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\"",
  ]

  private static var canHideProc: Bool {
    (try? CommandTests().run("/usr/bin/unshare", hidingProc + ["/bin/true"]).code) == 0
  }

  /// The commit is that of the build, wherever the executable lies.
  @Test func theCommitIsTheBuilds() throws {
    func commit(_ program: String) throws -> String {
      let arguments = ["--prompt", "4", "--generate", "0"]
      return try #require(try hello(program, arguments)["buildCommit"] as? String)
    }
    let own = try commit(executable)
    try Files.withTemporaryFolder { folder in
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent(".git"), withIntermediateDirectories: true)
      try Data(String(repeating: "1", count: 40).utf8)
        .write(to: folder.appendingPathComponent(".git/HEAD"))
      let copy = folder.appendingPathComponent("dyno")
      try FileManager.default.copyItem(at: URL(fileURLWithPath: executable), to: copy)
      #expect(try commit(copy.path) == own)
    }
  }

  /// What the build stamps: nothing it does not know, and whether what it builds differs.
  @Test func stamps() throws {
    try Files.withTemporaryFolder { folder in
      let out = folder.appendingPathComponent("out")
      let checkout = folder.appendingPathComponent("checkout")
      let inner = checkout.appendingPathComponent("Sources/inner")
      for place in [out, inner] {
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      }
      func stamp(_ place: URL) throws -> String {
        let script = Files.root.appendingPathComponent("Plugins/BuildStamp/stamp.sh").path
        #expect(try run("/bin/sh", [script, place.path, out.path]).code == 0)
        let text = try String(
          contentsOf: out.appendingPathComponent("BuiltCommit.swift"), encoding: .utf8)
        return try #require(text.split(separator: "\"").dropLast().last.map(String.init))
      }
      func git(_ arguments: String...) throws -> String {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-C", checkout.path]
        let outcome = try run("/usr/bin/env", ["git"] + identity + arguments)
        #expect(outcome.code == 0, "\(outcome.errors)")
        return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
      }
      #expect(try stamp(out) == "unknown")
      let source = inner.appendingPathComponent("a.swift")
      try Data("1".utf8).write(to: source)
      _ = try git("init", "-q")
      #expect(try stamp(checkout) == "unknown")
      _ = try git("add", ".")
      _ = try git("commit", "-q", "-m", "x")
      let head = try git("rev-parse", "HEAD")
      #expect(try stamp(checkout) == head)
      // Inside another's checkout, its commit says nothing.
      #expect(try stamp(inner) == "unknown")
      try Data("notes".utf8).write(to: checkout.appendingPathComponent("notes"))
      #expect(try stamp(checkout) == head)
      try Data("2".utf8).write(to: source)
      #expect(try stamp(checkout) == head + "-modified")
    }
  }

  @Test func benchInJSON() throws {
    let outcome = try dyno(
      "bench", fixture("huggingface/qwen3"), "--prompt", "16", "--generate", "4", "--depth",
      "0,32", "--batch", "1,2", "--repetitions", "2", "--output", "json")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let array = try #require(
      try JSONSerialization.jsonObject(with: outcome.bytes) as? [[String: Any]])
    #expect(array.count == 8)
    #expect(array.allSatisfy { ($0["avg_ts"] as? Double ?? 0) > 0 })
    // Where weights are a file's, records say so; otherwise they say nothing.
    #expect(array.allSatisfy { $0["weights"] as? String == "stored" })
    try Files.withTemporaryFolder { folder in
      let config = folder.appendingPathComponent("config.json").path
      try FileManager.default.copyItem(
        atPath: fixture("huggingface/qwen3/config.json"), toPath: config)
      let random = try dyno(
        "bench", config, "--prompt", "4", "--generate", "0", "--repetitions", "1", "--output",
        "json")
      let records = try #require(
        try JSONSerialization.jsonObject(with: random.bytes) as? [[String: Any]])
      #expect(records.count == 1 && records[0]["weights"] == nil)
    }
  }
}
