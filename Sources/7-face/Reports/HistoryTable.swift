import Numerics
import Store

extension History {
  /// For people: a row a series, then the changes.
  public func table(_ style: Table.Style = .plain) -> String {
    guard !series.isEmpty else { return "no results" }
    var overview = Table(
      [
        ("architecture", .left), ("dtype", .left), ("test", .left), ("batch", .right),
        ("commits", .right), ("first tok/s", .right), ("last tok/s", .right), ("changes", .right),
      ], dispensable: ["batch", "dtype", "first tok/s"])
    var changes = Table(
      [
        ("architecture", .left), ("test", .left), ("batch", .right), ("from commit", .left),
        ("before", .right), ("after", .right), ("ratio", .right), ("p", .right),
      ], dispensable: ["batch"])
    for one in series {
      let batch = one.count("n_sequences")
      let needed = commitsNeeded(by: one).map { "needs \($0) commits" }
      overview.add([
        one.modelType, one.word("type_weights"), one.test, batch, "\(one.points.count)",
        one.points.first.map { Quantity.number($0.medianTs) } ?? "–",
        one.points.last.map { Quantity.number($0.medianTs) } ?? "–",
        one.canDetect ? "\(one.changes.count)" : needed ?? "too few commits",
      ])
      for change in one.changes {
        changes.add([
          one.modelType, one.test, batch, CommitText.brief(change.commit, digits: 9),
          Quantity.number(change.before), Quantity.number(change.after),
          "\(Quantity.number(change.ratio))×", Quantity.number(change.pValue, digits: 2),
        ])
      }
    }
    let leftOut =
      commitsLeftOut.isEmpty
      ? "" : "\n\nmeasured commits left out, which the order lacks: \(commitsLeftOut.count)"
    let any = series.contains { !$0.changes.isEmpty }
    return overview.rendered(style) + (any ? "\n\n" + changes.rendered(style) : "")
      + leftOut + lost(style)
      + "\n\nchanges: binary segmentation by rank sums with permutation tests, seed \(seed); "
      + "the chance of even one false change in all \(series.count) series is at most "
      + "\(Quantity.percent(level)), so each is tested at \(Quantity.number(levelOfSeries, digits: 2))."
  }

  /// What the newest commit did not measure, which its past speaks for.
  private func lost(_ style: Table.Style) -> String {
    let lost = series.filter { !$0.isOfNewestCommit }
    guard let newestCommit, !lost.isEmpty else { return "" }
    let named = lost.prefix(3).map { one in
      (style == .markdown ? OutputText.markdown(one.modelType) : one.modelType) + " \(one.test)"
    }.joined(separator: ", ")
    return
      "\n\nnot measured at the newest commit \(CommitText.brief(newestCommit, digits: 9)): "
      + "\(lost.count) of \(series.count) series, \(named)\(lost.count > 3 ? ", …" : "")"
  }

  /// How many commits a series that has too few must have for a change to show.
  private func commitsNeeded(by one: Series) -> Int? {
    let most = 200
    guard one.points.count < most else { return nil }
    return (one.points.count + 1...most).first {
      ChangePoints.canDetect($0, level: levelOfSeries)
    }
  }

  /// For CI: a case a series, which fails where it ends in a regression.
  ///
  /// - Parameter threshold: regressions up to this share pass.
  public func junit(threshold: Double) -> String {
    var report = JUnitXML()
    for one in series {
      let name =
        "\(one.modelType) \(one.test), batch \(one.count("n_sequences")), \(one.word("type_weights"))"
      let last = one.changes.last.map {
        "\(Quantity.number($0.ratio))× at \(CommitText.brief($0.commit, digits: 9)): "
          + "\(Quantity.number($0.before)) to \(Quantity.number($0.after)) tok/s, p "
          + Quantity.number($0.pValue, digits: 2)
      }
      let commits = "\(one.points.count) \(one.points.count == 1 ? "commit" : "commits")"
      if !one.canDetect {
        let needed = commitsNeeded(by: one).map { ", which needs \($0)" } ?? ""
        report.add(
          one.modelType, name, .skipped, "\(commits): too few for a change to show\(needed)")
      } else {
        report.add(
          one.modelType, name, one.endsInRegression(threshold: threshold) ? .failed : .passed,
          (last ?? "no change in \(commits)")
            + (one.isOfNewestCommit ? "" : "; not measured at the newest commit"))
      }
    }
    for commit in commitsLeftOut {
      report.add("dyno", commit, .skipped, "measured, and not in the order")
    }
    return report.text
  }
}

extension History.Series {
  fileprivate func word(_ field: String) -> String {
    if case .string(let value) = settings[field] { value } else { "–" }
  }

  fileprivate func count(_ field: String) -> String {
    if case .integer(let value) = settings[field] { "\(value)" } else { "–" }
  }
}
