import Formats
import Foundation
import Input
import Machine
import Model
import Quality
import Records
import TestSupport
import Testing
import Weights

@Suite struct QualityComparisonTests {
  private func compare(
    _ model: String, _ tokens: TokenSequences,
    _ change: (inout QualityComparison.Settings) -> Void = { _ in }
  ) throws -> [QualityRecord] {
    let path = Files.fixtures.appendingPathComponent("gguf/\(model).gguf").path
    var settings = QualityComparison.Settings()
    settings.cacheDType = .f32
    settings.activations = .f32
    settings.speedBudgetSeconds = nil
    change(&settings)
    return try QualityComparison(
      ModelSubject.resolve(path), from: path, settings, report: { _ in }
    ).run(tokens).records
  }

  /// Losses that NumPy gets from transformers' logits (`Tests/Fixtures/quality/make_fixtures.py`).
  @Test func lossesOfTransformers() throws {
    let expected = try QualityFixture.load([String: Double].self, "mean_losses")
    #expect(expected.count >= 8)
    for (model, loss) in expected {
      let tokens = try TokenSequences([QualityFixture.tokens(model)])
      let record = try compare(model, tokens)[0]
      #expect(abs(record.loss.value - loss) < 2e-4, "\(model): \(record.loss.value), not \(loss)")
      #expect(abs(record.perplexity.value / exp(loss) - 1) < 2e-4)
      #expect(record.distance == nil && record.text.predictedTokens == tokens.ids.count - 1)
    }
  }

  /// Every window of every document without a past, in float64 by another forward pass, on the same
  /// converted weights.
  @Test func distancesOfFloat64() throws {
    let tokens = try QualityFixture.tokens("llama-f32")
    let text = try TokenSequences([Array(tokens[..<17]), [5], Array(tokens[17...])])
    let records = try compare("llama-f32", text) {
      $0.dtypes = [.q8_0, .q4_0, .f32]
      $0.context = 10
      $0.textBytes = 60
    }
    #expect(records.map(\.weights) == ["stored", "q8_0", "q4_0"])
    #expect(records.map(\.typeWeights) == [.f32, .q8_0, .q4_0])
    let windows = [tokens[..<10], tokens[10..<17], tokens[17...]].map { Array($0) }
    #expect(records[0].text.predictedTokens == 9 + 6 + 6 && records[0].text.windows == 3)
    #expect(records[0].text.documents == 3 && records[0].text.tokens == 25)

    let kernels = try KernelTable.selected()
    let team = try ThreadTeam(count: 1, pinned: false, topology: Topology())
    let weights = try ModelWeights.load(
      Files.fixtures.appendingPathComponent("gguf/llama-f32.gguf").path, kernels: kernels)
    func logarithms(_ format: WeightFormat?) throws -> [[[Double]]] {
      let model = ReferenceModel(
        try weights.converted(to: format, team: team, kernels: kernels))
      return windows.map { window in
        model.logits(window).map { row in
          let sum = log(row.reduce(0) { $0 + exp($1) })
          return row.map { $0 - sum }
        }
      }
    }
    let reference = try logarithms(nil)
    let formats: [WeightFormat?] = [nil, .q8_0, .q4_0]
    for (record, format) in zip(records, formats) {
      let own = try logarithms(format)
      var (loss, divergence, agreed, largest, count) = (0.0, 0.0, 0.0, 0.0, 0.0)
      for (index, window) in windows.enumerated() {
        for place in 0..<window.count - 1 {
          let (p, q) = (reference[index][place], own[index][place])
          loss -= q[window[place + 1]]
          let kl = zip(p, q).reduce(0.0) { (sum: Double, pair: (Double, Double)) -> Double in
            sum + exp(pair.0) * (pair.0 - pair.1)
          }
          divergence += kl
          largest = max(largest, kl)
          agreed += p.firstIndex(of: p.max()!) == q.firstIndex(of: q.max()!) ? 1 : 0
          count += 1
        }
      }
      #expect(abs(record.loss.value - loss / count) < 1e-4)
      let bits = loss / count / log(2)
      #expect(abs(try #require(record.bitsPerByte).value - bits * 25 / 60) < 1e-4)
      let capacity = (8 * 60 / 25.0 - bits - 24) / log2(record.flopsPerToken)
      #expect(abs(try #require(record.informationCapacity).value - capacity) < 1e-4)
      guard let format, let distance = record.distance else { continue }
      #expect(abs(distance.klDivergence.value / (divergence / count) - 1) < 1e-2, "\(format)")
      #expect(abs(distance.klMax / largest - 1) < 1e-2)
      #expect(abs(distance.top1Agreement.value - agreed / count) < 1e-12)
      #expect(abs(distance.lossDifference.value + records[0].loss.value - loss / count) < 1e-4)
    }
    let sizes = records.map(\.bytesPerWeight)
    #expect(sizes[0] == 4 && abs(sizes[1] - 34 / 32.0) < 1e-9 && abs(sizes[2] - 18 / 32.0) < 1e-9)
  }

  @Test func referencesAndRepeats() throws {
    let tokens = try TokenSequences([QualityFixture.tokens("llama-q8_0")])
    let records = try compare("llama-q8_0", tokens) {
      $0.reference = .converted(.f32)
      $0.dtypes = [.q8_0, .f32, .bf16, .bf16]
    }
    #expect(records.map(\.weights) == ["f32", "stored", "bf16"])
    #expect(records.allSatisfy { $0.reference == "f32" })
    #expect(records[0].distance == nil)
    // The same values with the same activations.
    #expect(try #require(records[1].distance).klDivergence.value < 1e-9)
    #expect(try #require(records[2].distance).klDivergence.value > 1e-9)
    let quantized = try compare("llama-q8_0", tokens) {
      $0.reference = .converted(.f32)
      $0.activations = .native
    }
    // Only where kernels multiply in integers are activations quantised.
    if try KernelTable.selected().functions.matmul_quantized != nil {
      #expect(try #require(quantized[1].distance).klDivergence.value > 1e-9)
    }
    let again = try compare("llama-q8_0", tokens) {
      $0.reference = .converted(.f32)
      $0.dtypes = [.bf16]
    }
    #expect(again[2].distance?.klDivergence == records[2].distance?.klDivergence)
  }

  @Test func refusals() throws {
    func problem(
      _ documents: [[Int]], _ change: (inout QualityComparison.Settings) -> Void = { _ in }
    ) throws -> String {
      let text = try TokenSequences(documents)
      let error = #expect(throws: InputError.self) { try compare("llama-f32", text, change) }
      return error?.description ?? ""
    }
    #expect(try problem([[1, 2, 96]]).contains("token 2: is 96"))
    #expect(try problem([[1], [2]]).contains("two tokens"))
    #expect(try problem([[1, 2]]) { $0.context = 1 }.contains("context: is 1"))
    #expect(try problem([[1, 2]]) { $0.context = 1 << 30 }.contains("context"))
    #expect(try problem([[1, 2, 3]]) { $0.tokensLimit = 1 }.contains("two tokens"))
  }

  @Test func groupsThatFitIntoMemory() {
    #expect(MemoryGroups.of([4, 3, 2, 5], beside: 2, within: 10) == [[0, 1], [2, 3]])
    #expect(MemoryGroups.of([4, 3], beside: 2, within: 9) == [[0, 1]])
    #expect(MemoryGroups.of([4, 4], beside: 20, within: 9) == [[0], [1]])
    #expect(MemoryGroups.of([], beside: 2, within: 9) == [])
    #expect(MemoryGroups.of([.max, 1, .max], beside: .max, within: 9).flatMap { $0 } == [0, 1, 2])
  }
}

@Suite struct TextWindowsTests {
  @Test func windowsEndWithDocuments() throws {
    let text = try TokenSequences([Array(0..<7), [1], Array(0..<4)])
    let windows = try TextWindows(text, context: 3)
    #expect(windows.windows == [0..<3, 3..<6, 8..<11])
    #expect(windows.predicted == 6)
    #expect(windows.blocks == [0..<2, 2..<4, 4..<6])
  }

  @Test func blocksAreAsLargeAsThereAreEnoughOf() throws {
    func blocks(_ documents: Int, of tokens: Int, context: Int) throws -> [Range<Int>] {
      let text = try TokenSequences(
        Array(repeating: Array(repeating: 1, count: tokens), count: documents))
      let windows = try TextWindows(text, context: context)
      let blocks = windows.blocks
      #expect(blocks.first?.lowerBound == 0 && blocks.last?.upperBound == windows.predicted)
      #expect(zip(blocks, blocks.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
      return blocks
    }
    #expect(try blocks(30, of: 100, context: 10).count == 30)
    #expect(try blocks(2, of: 300, context: 10).count == 60)
    let parts = try blocks(1, of: 1025, context: 512)
    #expect(parts.count == 30 && parts.allSatisfy { $0.count >= 34 })
    #expect(try blocks(1, of: 100, context: 512).allSatisfy { $0.count >= 16 })
    #expect(try blocks(1, of: 5, context: 512) == [0..<4])
  }
}
