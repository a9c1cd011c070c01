import Numerics
import Testing

@Suite struct ChangePointsTests {
  private func noise(_ count: Int, seed: Int) -> [Double] {
    var generator = SeededGenerator(seed: 11, stream: seed)
    return (0..<count).map { _ in generator.normal() }
  }

  @Test func findsSteps() {
    let values = noise(60, seed: 1).enumerated().map { index, value in
      100 + value + (index >= 20 ? 5 : 0) - (index >= 40 ? 12 : 0)
    }
    let changes = ChangePoints.find(values)
    #expect(changes.map(\.index) == [20, 40])
    #expect(changes.allSatisfy { $0.pValue <= 0.05 })
    #expect(changes == ChangePoints.find(values))
  }

  /// 0.2% a step, where the noise of one value is 1%.
  @Test func findsASlowDrift() {
    let values = noise(40, seed: 2).enumerated().map { index, value in
      100 * (1 - 0.002 * Double(index)) + value
    }
    let changes = ChangePoints.find(values)
    #expect(!changes.isEmpty)
  }

  @Test func oneOutlierIsNoChange() {
    var values = noise(30, seed: 3)
    values[14] = -1e6
    #expect(ChangePoints.find(values).isEmpty)
    #expect(ChangePoints.find([Double](repeating: 7, count: 30)).isEmpty)
  }

  @Test func fewValuesAreTooFew() {
    #expect(ChangePoints.find([1, 1, 1, 9, 9, 9]).isEmpty)
    #expect(!ChangePoints.canDetect(6))
    #expect(ChangePoints.canDetect(8))
    // 4 of 70 partings of 9 into 4 and 5, but 2 of 70 of 8 into halves.
    #expect(ChangePoints.find([1, 2, 3, 4, 15, 16, 17, 18]).map(\.index) == [4])
    #expect(ChangePoints.find([]).isEmpty)
    #expect(ChangePoints.find([1]).isEmpty)
  }

  /// Levels that no affordable number of permutations can tell, such as those of many splits within
  /// each other, are met by nothing, however marked: it takes no time, and no number overflows.
  @Test func tinyLevelsAreNotMet() {
    func step(_ count: Int) -> [Double] { (0..<count).map { $0 < count / 2 ? 1 : 2 } }
    for level in [1e-9, 1e-18, 1e-40] {
      #expect(!ChangePoints.canDetect(300, level: level))
      #expect(ChangePoints.find(step(300), level: level).isEmpty)
    }
    // What can still be told is told.
    let changes = ChangePoints.find(step(60), level: 2e-6)
    #expect(changes.map(\.index) == [30] && changes.allSatisfy { $0.pValue <= 2e-6 })
  }

  /// Without any change, at most the level of all series may show one: 400 series at 5% give 20 on
  /// average, and more than 36 in one case of 3000.
  @Test func falseChangesAreAsRareAsPromised() {
    let found = (0..<400).filter { !ChangePoints.find(noise(24, seed: 100 + $0)).isEmpty }
    #expect(found.count <= 36)
    #expect(found.count >= 6)
  }
}
