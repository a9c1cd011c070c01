import Foundation
import Input
import ScalingLaws
import TestSupport
import Testing

@Suite struct BadDataTests {
  private func table(_ text: String) throws -> TrainingTable {
    try TrainingTable(name: "data.csv", text: text, folder: Files.root)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "nothing thrown"
    } catch { return "\(error)" }
  }

  @Test(arguments: [
    ("", "is empty"),
    ("tokens,loss\n", "has no rows"),
    ("parameters,tokens\n1e8,1e9\n", "column \"loss\" is missing"),
    ("parameters,colour,loss\n1e8,1,3\n", "column \"colour\" is not known"),
    ("parameters,loss,loss\n1e8,1,3\n", "names column \"loss\" twice"),
    ("N,parameters,loss\n1e8,1,3\n", "row 1: columns N and parameters are the same"),
    ("N,D,loss\n1e8,x,3\n", "row 2: column D: is \"x\""),
    ("parameters,tokens,loss\n1e8,1e9,3\n1e8,1e9\n", "row 3: lacks column \"loss\""),
    ("parameters,tokens,loss\n1e8,1e9,3,4\n", "row 2: has 4 cells"),
    ("parameters,tokens,loss\n1e8,1e9,nan\n", "row 2: column loss: is \"nan\""),
    ("parameters,tokens,loss\n1e8,inf,3\n", "row 2: column tokens: is \"inf\""),
    ("parameters,tokens,loss\n1e8,-1,3\n", "row 2: column tokens: is \"-1\""),
    ("parameters,tokens,loss\n,1e9,3\n", "row 2: column parameters: is empty"),
    ("parameters,tokens,loss\n1e8,1e9,\"3\n", "ends inside quotes"),
    ("parameters,tokens,loss\n135e6,100,3\n", "row 2: column tokens: 100 is 7.407e-07 for each"),
    ("N,D,loss\n1e8,2e9,3\n1e8,1e18,3\n", "row 3: column D: 1e+18 is 1e+10 for each"),
    ("N,training_flop,loss\n1e9,1e12,3\n", "row 2: column training_flop: 166.7 is 1.667e-07"),
    ("config,tokens,loss\nsmollm2-135m,100,3\n", "row 2: column tokens: 100 is"),
    ("d,f,L,H,K,e,D,loss\n64,64,33e9,4,4,16,1e9,3\n", "row 2: column L: is 33000000000"),
    (
      "config,tokens,loss\n../../dev/zero,1e9,3\n",
      "row 2: column config: ../../dev/zero: leads out"
    ),
    ("config,tokens,loss\n/dev/zero,1e9,3\n", "row 2: column config: /dev/zero: leads out"),
    ("config,tokens,loss\nno-such-arch,1e9,3\n", "row 2: column config: no-such-arch"),
  ])
  func badTablesNameRowAndColumn(text: String, expected: String) {
    let message = message { _ = try table(text) }
    #expect(message.contains(expected), "\(message)")
    #expect(!message.contains("\n"))
  }

  /// Refused at once, whatever else is in the file.
  @Test func wideTablesAreRefused() {
    for (text, expected) in [
      (String(repeating: "a,", count: 200_000) + "b\n", "row 1: has too many cells"),
      ("loss\n" + String(repeating: ",", count: 200_000), "row 2: has too many cells"),
    ] {
      let message = message { _ = try table(text) }
      #expect(message.contains(expected), "\(message.prefix(200))")
    }
  }

  @Test func quotesAndLineEndsAreRead() throws {
    let table = try table(
      "name,parameters,tokens,loss\r\n\"a, \"\"b\"\"\",1e8,2e9,3.5\r\n\r\nc,2e8,4e9,\"3.25\"")
    #expect(table.rows.map(\.loss) == [3.5, 3.25])
    #expect(table.rows.map(\.line) == [2, 4])
  }

  @Test func flopsGiveTokens() throws {
    let table = try table("parameters,training_flop,loss\n1e9,6e20,3\n")
    #expect(table.rows[0].point.tokens == 1e11)
  }

  /// Small runs that try something out, and the fewest and most tokens of real ones.
  @Test(arguments: [(1e6, 2e6), (1e6, 5e5), (6.8e9, 2.5e8), (6e8, 36e12)])
  func unusualBudgetsAreRead(parameters: Double, tokens: Double) throws {
    let table = try table("parameters,tokens,loss\n\(parameters),\(tokens),3\n")
    #expect(table.rows[0].point.tokens == tokens)
  }

  @Test(.enabled(if: SharedData.isPresent, SharedData.absence))
  func publishedBudgetsAreRead() throws {
    #expect(try SharedData.table("chinchilla-epoch.csv").rows.count == 245)
    #expect(try SharedData.table("morph-fit.csv").rows.count == 35)
  }

  @Test func architecturesAreReadBySizesAndByConfig() throws {
    let sizes = try table(
      "hidden_size,intermediate_size,num_hidden_layers,num_attention_heads,num_key_value_heads,"
        + "head_dim,tokens,loss\n2560,4096,16,72,18,64,1e11,2.782\n")
    let config = try table(
      "config,tokens,loss\nprofiles/architectures/panda-1b.json,1e11,2.782\n")
    let symbols = try table("d,f,L,H,K,e,D,loss\n2560,4096,16,72,18,64,1e11,2.782\n")
    #expect(symbols.rows[0].point.tokens == 1e11)
    for point in [sizes.rows[0].point, config.rows[0].point, symbols.rows[0].point] {
      #expect(point.parameters == 975_175_680)
      #expect(abs(point.mlpToAttentionRatio - 16.0 / 15) < 1e-12)
      #expect(point.aspectRatio == 160)
    }
  }

  @Test func missingColumnsAreNamed() throws {
    let table = try table("d,f,L,H,K,D,reference_loss,loss\n2560,4096,16,72,18,1e11,2.7,2.782\n")
    let message = message {
      _ = try LawFit(ConditionalAdditive.self, table, name: "fit", source: "test")
    }
    #expect(message.contains("row 2: does not give x") && message.contains("missing head_dim"))
  }

  @Test func tooLittleDataIsRefused() throws {
    let truth = Synthetic.law("conditional-multiplicative")
    let good = Synthetic.table(truth, noise: 0.005, seed: 1)
    func failure(
      _ form: any LawForm.Type = ConditionalMultiplicative.self,
      _ change: (inout TrainingTable) -> Void
    ) -> String {
      var table = good
      change(&table)
      return message { _ = try LawFit(form, table, name: "fit", source: "test") }
    }
    #expect(failure { _ in } == "nothing thrown")
    #expect(
      failure { $0.rows = Array($0.rows.prefix(5)) }.contains("has 5 rows for 5 parameters"))
    #expect(
      failure { table in
        for index in table.rows.indices { table.rows[index].point.mlpToAttentionRatio = 4.8 }
      }.contains("r has a single value, 4.8"))
    #expect(
      failure { $0.rows[3].point.reference = .nan }.contains("row 5: does not give L_opt"))
    #expect(
      failure { $0.rows[3].point.mlpToAttentionRatio = .nan }.contains("row 5: does not give r"))
    #expect(
      failure(Chinchilla.self) { table in
        for index in table.rows.indices {
          table.rows[index].point.tokens = 100 * table.rows[index].point.parameters
        }
      }.contains("tokens follow from parameters"))
    // x and r tied together: the separable terms cannot be told apart.
    #expect(
      failure(ConditionalAdditive.self) { table in
        for index in table.rows.indices {
          table.rows[index].point.normalizedHiddenSize =
            table.rows[index].point.mlpToAttentionRatio / 20
        }
      }.contains("cannot be told from the others"))
  }

  @Test func aLossBelowTheEntropyFloorIsNamed() throws {
    var table = Synthetic.table(Synthetic.law("chinchilla"), noise: 0.001, seed: 1)
    table.rows[7].loss = 0.9
    let message = message {
      _ = try LawFit(Chinchilla.self, table, name: "fit", source: "test")
    }
    #expect(message.contains("row 9: column loss: 0.9 is not above the entropy floor found"))
  }

  @Test func outlierRulesSayWhatTheyDrop() throws {
    var table = Synthetic.table(Synthetic.law("chinchilla"), noise: 0, seed: 1)
    table.rows[2].point.mlpToAttentionRatio = 6
    table.rows[4].point.tokens = 1e6
    let (byRatio, ratioLines) = try OutlierRule.mlpToAttentionRatio(0.5...5).applied(to: table)
    #expect(ratioLines == [4] && byRatio.rows.count == 119)
    let (byTokens, tokenLines) = try OutlierRule.fewestTokensPerParameter(1).applied(to: table)
    #expect(tokenLines == [6] && byTokens.rows.count == 119)
    #expect(throws: InputError.self) {
      try OutlierRule.fewestTokensPerParameter(120).applied(to: table)
    }
  }
}
