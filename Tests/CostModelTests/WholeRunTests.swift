import CostModel
import Formats
import Foundation
import Input
import Model
import Records
import TestSupport
import Testing

@Suite struct WholeRunTests {
  func predictor(
    _ engine: ServingEngine, capacity: Double = 80 * 0x1p30, tensorParallel: Int = 1
  ) throws -> Predictor {
    var profile = Devices.profile(engine == .dyno ? .cpu : .gpu)
    profile.limits.memoryCapacity = capacity
    return try Predictor(
      profile, engine, Predictor.Settings(tensorParallel: tensorParallel))
  }

  func zoo(_ name: String) throws -> Architecture {
    try Architecture(
      configAt: Files.root.appendingPathComponent("profiles/architectures/\(name).json"))
  }

  /// Token for token: the sum over every step equals the integral that predictions use.
  @Test(arguments: ["llama-3.2-1b", "mistral-7b"])
  func integrationAgreesWithEveryStep(name: String) throws {
    let architecture = try zoo(name)
    let predictor = try predictor(.vllm)
    for (batch, depth) in [(1, 0), (16, 3000), (64, 100)] {
      let whole = try #require(
        predictor.point(
          architecture, ServingWorkload(prompt: 0, generate: 512, depth: depth, batch: batch)))
      var sum = 0.0
      for step in 0..<512 {
        sum += try #require(
          predictor.point(
            architecture,
            ServingWorkload(prompt: 0, generate: 1, depth: depth + step, batch: batch))
        ).seconds
      }
      #expect(abs(whole.seconds / sum - 1) < 0.01, "batch \(batch) at depth \(depth)")
    }
  }

  /// What a predictor keeps of other architectures and workloads changes nothing.
  @Test(arguments: ServingEngine.all)
  func predictionsDoNotDependOnEarlierOnes(engine: ServingEngine) throws {
    let architectures = try ["llama-3.2-1b", "surefire-1b", "mistral-7b", "llama-3-8b"].map(zoo)
    let workloads = [1, 8, 48].flatMap { batch in
      [
        ServingWorkload(prompt: 2000, generate: 300, batch: batch),
        ServingWorkload(prompt: 0, generate: 100, depth: 5000, batch: batch),
      ]
    }
    let used = try predictor(engine, capacity: 24 * 0x1p30)
    for _ in 0..<2 {
      for architecture in architectures {
        for workload in workloads {
          let fresh = try predictor(engine, capacity: 24 * 0x1p30)
          #expect(used.point(architecture, workload) == fresh.point(architecture, workload))
        }
      }
    }
  }

  @Test func quantitiesFitTogether() throws {
    let architecture = try zoo("llama-3.2-1b")
    let workload = ServingWorkload(prompt: 1000, generate: 200, batch: 8)
    let prediction = try predictor(.vllm).predict(architecture, workload, breakdown: true)
    let point = prediction.point
    #expect(abs(point.outputTokensPerSecond * point.seconds / 1600 - 1) < 1e-12)
    #expect(abs(point.totalTokensPerSecond / point.outputTokensPerSecond - 6) < 1e-12)
    #expect(
      abs(point.timeToFirstToken + 199 * point.timePerOutputToken - point.seconds)
        < 1e-9 * point.seconds)
    let operators = prediction.operators.reduce(0) { $0 + $1.cost.seconds }
    #expect(operators < point.seconds && operators > 0.5 * point.seconds)
    // Weights (tied embedding), and 1200 positions of 8 sequences.
    let weights = 2 * 1_235_814_400.0
    let cache = 8.0 * 1200 * 2 * 16 * 8 * 64 * 2
    #expect(prediction.peakMemoryBytes > weights + cache)
    #expect(prediction.peakMemoryBytes < weights + cache + 2 * 0x1p30)
    #expect(prediction.spreads.throughput > 0)
  }

  /// Where the cache does not hold the batch: TensorRT-LLM runs waves, vLLM recomputes.
  @Test func smallMemoryCostsTime() throws {
    let architecture = try zoo("llama-2-7b")
    let workload = ServingWorkload(prompt: 1024, generate: 1024, batch: 64)
    for engine in [ServingEngine.vllm, .vllm2024, .tensorRT2024] {
      // 64 sequences take 64 GiB beside 12.6 GiB of weights; 24 GiB hold a few.
      let roomy = try predictor(engine, capacity: 160 * 0x1p30).predict(architecture, workload)
      let tight = try predictor(engine, capacity: 24 * 0x1p30).predict(architecture, workload)
      #expect(roomy.widest == 64 && roomy.preemptions == 0)
      let bytes = 2048.0 * 2 * 32 * 4096 * 2
      #expect(roomy.largestBatch == Int(roomy.plan.cacheRoom / bytes))
      #expect(tight.largestBatch < 10)
      #expect(tight.widest < 64)
      #expect(tight.point.seconds > 1.5 * roomy.point.seconds)
      #expect(tight.peakMemoryBytes <= 24 * 0x1p30)
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let predictor = try predictor(.vllm, capacity: 8 * 0x1p30)
    #expect(throws: InputError.self) {
      try predictor.predict(zoo("llama-2-7b"), ServingWorkload(prompt: 10, generate: 10, batch: 1))
    }
  }

  /// What a window has left behind is freed: 4096 positions and a block that it only touches, at any
  /// length. Dyno's own engine keeps all.
  @Test func windowsBoundTheCache() throws {
    let windowed = try zoo("mistral-7b")
    var full = windowed
    full.slidingWindow = nil
    let workload = ServingWorkload(prompt: 30_000, generate: 1000, batch: 1)
    let one = try predictor(.vllm).predict(windowed, workload)
    let other = try predictor(.vllm).predict(full, workload)
    #expect(one.largestBatch == Int(one.plan.cacheRoom / (4112 * 131_072)))
    #expect(one.largestBatch > 7 * other.largestBatch)
    let difference = (31_000 - 4096.0) * 131_072
    #expect(abs(other.peakMemoryBytes - one.peakMemoryBytes - difference) < 1)
    // Half of the layers with a window.
    var mixed = windowed
    mixed.keepWindows(from: 16)
    let half = try predictor(.vllm).predict(mixed, workload)
    #expect(half.largestBatch == Int(half.plan.cacheRoom / ((31_008 + 4112) / 2 * 131_072)))
    let own = try predictor(.dyno).predict(windowed, workload)
    let ownFull = try predictor(.dyno).predict(full, workload)
    #expect(own.largestBatch == ownFull.largestBatch)
  }

  /// A model that no single device holds hints at several.
  @Test func severalDevicesAreHintedAt() throws {
    let architecture = Architecture(
      name: "llama-3.3-70b", hiddenSize: 8192, intermediateSize: 28672, layers: 80, queryHeads: 64,
      keyValueHeads: 8, headDimension: 128, vocabularySize: 128_256, tiedEmbeddings: false)
    let workload = ServingWorkload(prompt: 4096, generate: 1024, batch: 1)
    let error = #expect(throws: InputError.self) {
      try predictor(.vllm).predict(architecture, workload)
    }
    #expect(error?.expected == "tensor_parallel 2, a smaller model or dtype")
    _ = try predictor(.vllm, tensorParallel: 2).predict(architecture, workload)
    var linkless = Devices.profile()
    linkless.limits.linkBandwidth = 0
    let alone = #expect(throws: InputError.self) {
      try Predictor(linkless, .vllm, Predictor.Settings()).predict(architecture, workload)
    }
    #expect(alone?.expected == "a smaller model or dtype")
  }

  @Test(arguments: [
    ServingWorkload(prompt: .max, generate: 1, batch: 1),
    ServingWorkload(prompt: 1, generate: .max, batch: 1),
    ServingWorkload(prompt: 1, generate: 1, depth: .max, batch: 1),
    ServingWorkload(prompt: 1, generate: 1, batch: .max),
    ServingWorkload(prompt: 1, generate: 1, batch: 0),
    ServingWorkload(prompt: 1, generate: 1, batch: -1),
    ServingWorkload(prompt: -5, generate: 9, batch: 1),
    ServingWorkload(prompt: 0, generate: 0, batch: 1),
    ServingWorkload(prompt: 9_000_000, generate: 1, batch: 9_000_000),
  ])
  func countsBeyondAllBoundsAreRefused(workload: ServingWorkload) throws {
    let architecture = try zoo("llama-3.2-1b")
    for engine in ServingEngine.all {
      let predictor = try predictor(engine)
      #expect(throws: InputError.self) { try predictor.predict(architecture, workload) }
      #expect(predictor.point(architecture, workload) == nil)
      #expect(predictor.logThroughput(architecture, workload) == nil)
    }
    var run = WholeRun(
      device: "d", engine: "vllm", architecture: architecture, weights: .bf16, cache: .bf16,
      prompt: workload.prompt, generate: workload.generate, depth: workload.depth,
      batch: workload.batch, seconds: 1, origin: "bad")
    let rows = try EndToEndCalibration(Devices.profile(), .vllm).rows([run])
    #expect(rows.rows.isEmpty && rows.rejected.count == 1)
    // Beside one that can be used, it is set aside.
    let bad = run
    (run.prompt, run.generate, run.depth, run.batch) = (100, 10, 0, 1)
    var measurements = Measurements()
    measurements.runs = [run, bad]
    let result = try DeviceCalibration(Devices.profile()).run(measurements)
    #expect(result.setAside.count == 1 && result.setAside[0].hasPrefix("bad:"))
  }

  @Test func enginesRunWhereTheyDo() throws {
    #expect(throws: InputError.self) {
      try Predictor(Devices.profile(.gpu), .dyno, Predictor.Settings())
    }
  }

  /// How far runs of one storage and one device were off says nothing of others: neither quoted nor
  /// taken for the interval's width.
  @Test func errorsAreQuotedForWhatTheyWereMeasuredOn() throws {
    let profile = try ProfileTests.shipped("a100-40gb")
    let architecture = try zoo("llama-3-8b")
    let workload = ServingWorkload(prompt: 512, generate: 512, batch: 4)
    func predict(
      _ settings: Predictor.Settings, _ profile: DeviceProfile
    ) throws -> (evidence: PredictionEvidence, spread: Double) {
      let predictor = try Predictor(profile, .vllm2024, settings)
      return (
        predictor.evidence, try predictor.predict(architecture, workload).spreads.throughput
      )
    }
    let measured = try predict(Predictor.Settings(weights: .f16, cache: .f16), profile)
    #expect(measured.evidence.errors?.rows == 100 && measured.evidence.comparedElsewhere == nil)
    #expect(measured.evidence.basis.jumps.isEmpty && measured.evidence.basis.runs == 100)
    // bf16 is the same work.
    let alike = try predict(Predictor.Settings(), profile)
    #expect(alike.evidence.errors != nil)
    #expect(alike.evidence.basis == measured.evidence.basis)
    // Two and four devices were measured, eight were not.
    let four = try predict(Predictor.Settings(tensorParallel: 4), profile)
    #expect(four.evidence.errors != nil && four.evidence.basis.jumps.isEmpty)
    let eight = try predict(Predictor.Settings(tensorParallel: 8), profile)
    #expect(eight.evidence.errors == nil && eight.evidence.basis.jumps == [.devices(8)])
    #expect(
      eight.evidence.comparedElsewhere == "f16 weights, f16 KV cache, 1 or 2 or 4 devices")
    #expect(eight.spread > four.spread)
    let cached = try predict(Predictor.Settings(cache: .fp8), profile)
    #expect(cached.evidence.errors == nil && cached.spread > alike.spread)
    #expect(
      cached.evidence.basis.jumps == [.precision(weights: .bf16, cache: .fp8, hasKernels: true)])
    // No run was of stages, nor of a mix of formats.
    let staged = try predict(
      Predictor.Settings(weights: .f16, cache: .f16, pipelineParallel: 2), profile)
    #expect(staged.evidence.errors == nil && staged.evidence.comparedElsewhere != nil)
    let mixed = try Predictor(
      profile, .vllm2024, Predictor.Settings(weights: .f16, cache: .f16)
    ).evidence(for: [], isMixed: true)
    #expect(mixed.errors == nil && mixed.comparedElsewhere != nil)
    // An A100 has no fp8 kernel, and none of its int8 ones was timed.
    let int8 = try predict(Predictor.Settings(weights: .int8), profile)
    #expect(
      int8.evidence.basis.jumps == [.precision(weights: .int8, cache: .bf16, hasKernels: false)])
    #expect(int8.spread > cached.spread && int8.evidence.basis.variance > 0.25 * 0.25)
    let h100 = try ProfileTests.shipped("h100-sxm")
    let fp8 = try predict(Predictor.Settings(weights: .fp8), h100)
    #expect(
      fp8.evidence.basis.jumps == [.precision(weights: .fp8, cache: .bf16, hasKernels: true)])
    // What was compared counts as much as before; each jump adds its variance.
    let basis = eight.evidence.basis
    #expect(
      abs(basis.variance - basis.scatter * basis.scatter - pow(basis.jumps[0].deviation, 2))
        < 1e-12)
    let never = try Predictor(Devices.profile(), .vllm, Predictor.Settings(tensorParallel: 2))
    #expect(never.evidence.basis.jumps == [.engine(.nominal), .devices(2)])
    // A profile of an earlier version does not say.
    var old = profile
    old.engines["vllm-2024"]?.error?.conditions = nil
    let unknown = try predict(Predictor.Settings(), old)
    #expect(unknown.evidence.errors == nil)
    #expect(unknown.evidence.comparedElsewhere?.contains("not record") == true)
  }

  /// What is stored is one thing, what multiplies it another.
  @Test func precision() throws {
    let hopper = DeviceProfile(name: "hopper", limits: Devices.hopper, sources: [:])
    let architecture = try zoo("llama-3.1-8b")
    func predict(
      _ weights: NumberStorage, _ profile: DeviceProfile, prompt: Int, batch: Int = 1
    ) throws -> Prediction {
      try Predictor(profile, .vllm, Predictor.Settings(weights: weights)).predict(
        architecture, ServingWorkload(prompt: prompt, generate: 32, batch: batch))
    }
    let bytes = { (format: NumberStorage) in try predict(format, hopper, prompt: 16).plan.weights }
    // 6.979 G elements in layers, 1.051 G in two tables that stay 16 bits wide, 266 K norms of f32.
    let layers = 6_979_321_856.0
    let others = 2 * 1_050_673_152.0 + 4 * 266_240
    for (format, each) in [
      (NumberStorage.bf16, 2), (.fp8, 1), (.int4, 0.51953125), (.nvfp4, 0.5625),
    ] {
      #expect(abs(try bytes(format) / (each * layers + others) - 1) < 1e-9, "\(format)")
    }
    // Decode reads half of the weights; a long prompt has half of the arithmetic.
    for prompt in [1, 8192] {
      let ratio =
        try predict(.fp8, hopper, prompt: prompt).point.seconds
        / predict(.bf16, hopper, prompt: prompt).point.seconds
      #expect(ratio > 0.45 && ratio < 0.95, "\(ratio)")
    }
    // An A100 has no fp8: it unpacks. 8-bit integers are not unpacked by any engine.
    #expect(try predict(.fp8, Devices.profile(), prompt: 16).point.seconds > 0)
    let refused = #expect(throws: InputError.self) {
      try predict(.int8, Devices.profile(), prompt: 16)
    }
    #expect(refused?.expected?.contains("fp8") == true)
    #expect(throws: InputError.self) { try predict(.fp8, Devices.profile(.cpu), prompt: 16) }
  }

  /// A prompt in chunks costs about what it costs whole, and attention over what is cached counts.
  @Test func chunksAddUp() throws {
    let architecture = try zoo("llama-3.2-1b")
    let predictor = try predictor(.vllm)
    func seconds(_ prompt: Int, depth: Int = 0, batch: Int = 1) throws -> Double {
      try #require(
        predictor.point(
          architecture,
          ServingWorkload(prompt: prompt, generate: 1, depth: depth, batch: batch))
      ).seconds
    }
    let parts = try seconds(8192) + seconds(8192, depth: 8192)
    #expect(abs(try seconds(16384) / parts - 1) < 0.01)
    #expect(try seconds(8192, depth: 8192) > seconds(8192))
    #expect(abs(try seconds(512, batch: 32) / (2 * seconds(512, batch: 16)) - 1) < 0.05)
  }

  /// What waits for memory: the schedule's events against vLLM's rule followed sequence by
  /// sequence, each step priced on its own.
  @Test(arguments: [
    ("llama-3.2-1b", 4096, 1024, 256, 40.0), ("llama-3.2-1b", 16384, 512, 128, 40),
    ("llama-3.2-1b", 300, 3000, 64, 6), ("llama-2-7b", 1024, 1024, 64, 24),
    ("llama-2-7b", 4096, 1024, 128, 40),
  ])
  func waitingAgreesWithEveryStep(
    name: String, prompt: Int, generate: Int, batch: Int, gibibytes: Double
  ) throws {
    try waitingAgrees(zoo(name), prompt, generate, batch, gibibytes)
  }

  /// The same where all layers, or half of them, have a window that fills while sequences run.
  @Test(arguments: [0, 16]) func waitingWithWindowsAgreesWithEveryStep(firstWindowed: Int) throws {
    var architecture = try zoo("mistral-7b")
    architecture.slidingWindow = 512
    architecture.keepWindows(from: firstWindowed)
    try waitingAgrees(architecture, 200, 900, 48, 18)
  }

  private func waitingAgrees(
    _ architecture: Architecture, _ prompt: Int, _ generate: Int, _ batch: Int, _ gibibytes: Double
  ) throws {
    let workload = ServingWorkload(prompt: prompt, generate: generate, batch: batch)
    let tight = try predictor(.vllm, capacity: gibibytes * 0x1p30).predict(architecture, workload)
    // Prices do not depend on the capacity.
    let roomy = try predictor(.vllm, capacity: 1e4 * 0x1p30)
    func seconds(_ workload: ServingWorkload) throws -> Double {
      try #require(roomy.point(architecture, workload)).seconds
    }
    // Positions in whole blocks, times the layers that keep them.
    let layers = architecture.layers.count
    let windowed = architecture.layers.filter { $0.attention?.window != nil }.count
    let most = ((architecture.slidingWindow ?? 0) + 15) / 16 + 1
    func blocks(_ positions: Int) -> Int {
      let blocks = (positions + 15) / 16
      return 16 * ((layers - windowed) * blocks + windowed * min(blocks, most))
    }
    let positions = Int(tight.plan.cacheRoom / tight.plan.cachePerPosition)
    let capacity = positions / 16 * 16 * layers
    let mark =
      capacity - (positions - Int(Double(positions) * 0.01)) / 16 * 16 * layers

    // Tokens made of each sequence.
    var waiting = [Int](repeating: 0, count: batch)
    var running: [Int] = []
    var total = 0.0
    var dropped = 0
    while !waiting.isEmpty || !running.isEmpty {
      var started: [Int] = []
      var free = capacity - mark - running.reduce(0) { $0 + blocks(prompt + $1) }
      while let next = waiting.last, blocks(prompt + next + 1) <= free {
        free -= blocks(prompt + next + 1)
        started.append(waiting.removeLast())
      }
      for made in Set(started) {
        let new = ServingWorkload(
          prompt: prompt + made, generate: 1, batch: started.count { $0 == made })
        total += try seconds(new)
      }
      running = (running + started.map { $0 + 1 }).filter { $0 < generate }
      if !started.isEmpty || running.isEmpty { continue }
      while running.reduce(0, { $0 + blocks(prompt + $1 + 1) }) > capacity {
        waiting.append(running.remove(at: running.firstIndex(of: running.min()!)!))
        dropped += 1
      }
      let mean = Double(running.reduce(0) { $0 + prompt + $1 }) / Double(running.count)
      total += try seconds(
        ServingWorkload(
          prompt: 0, generate: 1, depth: Int(mean.rounded()) - 1, batch: running.count))
      running = running.map { $0 + 1 }.filter { $0 < generate }
    }
    #expect(dropped == tight.preemptions && dropped > 0)
    #expect(abs(tight.point.seconds / total - 1) < 0.005)
  }

  /// A batch whose prompts are cached already may have to wait as well.
  @Test func cachedPromptsWait() throws {
    let architecture = try zoo("llama-2-7b")
    let predictor = try predictor(.vllm, capacity: 24 * 0x1p30)
    func seconds(_ batch: Int) throws -> Double {
      try #require(
        predictor.point(
          architecture, ServingWorkload(prompt: 0, generate: 64, depth: 2000, batch: batch))
      ).seconds
    }
    #expect(try seconds(64) > 4 * seconds(4))
  }

  /// A breakdown's operators and the host's nominal work make up the whole.
  @Test func operatorsAddUp() throws {
    let architecture = try zoo("mistral-7b")
    for (engine, batches) in [(ServingEngine.vllm, [1, 16, 64]), (.tensorRT2024, [1, 16])] {
      let predictor = try predictor(engine, capacity: 40 * 0x1p30)
      for batch in batches {
        let prediction = try predictor.predict(
          architecture, ServingWorkload(prompt: 6000, generate: 300, batch: batch), breakdown: true)
        let operators = prediction.operators.reduce(0) { $0 + $1.cost.seconds }
        let rest = prediction.point.seconds - operators
        #expect(rest > 0 && rest < 0.2 * prediction.point.seconds)
        guard prediction.largestBatch >= batch else { continue }
        let (step, sequence) = engine == .vllm ? (1e-3, 5e-5) : (3e-4, 5e-6)
        // vLLM's chunks hold one such prompt each; TensorRT-LLM's step takes all of them.
        let prefills = engine == .vllm ? batch : 1
        let host =
          Double(prefills) * step + Double(batch) * sequence
          + 299 * (step + Double(batch) * sequence)
        #expect(abs(rest / host - 1) < 1e-6)
      }
    }
  }

  /// TTFT is that of the first wave, however many follow.
  @Test func firstTokensAreTheFirstWaves() throws {
    let architecture = try zoo("llama-2-7b")
    let predictor = try predictor(.tensorRT2024, capacity: 40 * 0x1p30)
    func predict(_ batch: Int) throws -> Prediction {
      try predictor.predict(
        architecture, ServingWorkload(prompt: 1000, generate: 500, batch: batch))
    }
    let wave = try predict(64).widest
    #expect(wave < 64)
    let (one, three) = (try predict(wave).point, try predict(3 * wave).point)
    #expect(abs(three.timeToFirstToken / one.timeToFirstToken - 1) < 0.2)
    #expect(three.seconds > 2 * one.seconds)
  }

  /// A single token made of prompts that wait: as many as fit run at once.
  @Test func singleTokensWait() throws {
    let prediction = try predictor(.vllm, capacity: 24 * 0x1p30).predict(
      zoo("llama-2-7b"), ServingWorkload(prompt: 2000, generate: 1, batch: 64))
    #expect(prediction.widest > 0 && prediction.widest <= prediction.largestBatch + 1)
  }

  /// Sequences that begin with nothing may have to wait as well.
  @Test func emptySequencesWait() throws {
    let prediction = try predictor(.vllm, capacity: 24 * 0x1p30).predict(
      zoo("llama-2-7b"), ServingWorkload(prompt: 0, generate: 8, depth: 0, batch: 100_000))
    #expect(prediction.point.seconds > 0 && prediction.widest < 100_000)
  }
}

extension Architecture {
  /// Layers before `first` see everything.
  fileprivate mutating func keepWindows(from first: Int) {
    layers = LayerStack(
      layers.enumerated().map { index, layer in
        var layer = layer
        if index < first { layer.attention?.window = nil }
        return layer
      })
  }
}
